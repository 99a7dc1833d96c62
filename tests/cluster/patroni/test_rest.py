"""The cluster as Patroni's REST API reports it, in neutral terms."""

from dataclasses import replace

import httpx
import pytest

from firedrill import package
from firedrill.cluster.patroni import rest
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

ROWS = [
    {"name": "db1", "role": "leader", "state": "running", "timeline": 4},
    {"name": "pg-2", "role": "quorum_standby", "state": "streaming", "timeline": 4, "lag": 0},
    {"name": "db3", "role": "replica", "state": "start failed", "lag": "unknown"},
]


@pytest.fixture
def access() -> Access:
    inventory = read(package.file("inventories/lab.py"))
    hosts = (
        replace(host, data=host.data | {"patroni_name": "pg-2"}) if host.name == "db2" else host
        for host in inventory.hosts
    )
    return Access(replace(inventory, hosts=tuple(hosts)), Secrets(patroni_rest="x"))


@pytest.fixture
def answer(monkeypatch):
    """Let every node's Patroni answer by a function of the request."""

    def by(handler):
        client = httpx.Client(transport=httpx.MockTransport(handler))

        def request(method, url, *, timeout, json=None, auth=None, **_):
            return client.request(method, url, json=json)

        monkeypatch.setattr(rest.httpx, "request", request)
        monkeypatch.setattr(rest.httpx, "get", lambda url, **options: request("GET", url, **options))
        monkeypatch.setattr(rest.httpx, "post", lambda url, **options: request("POST", url, **options))

    return by


def test_members_have_neutral_roles_and_inventory_names(access, answer):
    answer(lambda _: httpx.Response(200, json={"members": ROWS}))
    view = rest.view(access)
    assert [(m.name, m.role, m.epoch, m.lag, m.healthy, m.sync) for m in view.members] == [
        ("db1", "primary", 4, None, True, False),
        ("db2", "replica", 4, 0, True, True),
        ("db3", "starting", None, None, False, False),
    ]
    assert (view.leader.name, view.sync_standbys, view.replicas) == ("db1", ("db2",), ("db2", "db3"))


@pytest.mark.parametrize(
    ("replication", "healthy"),
    [
        ([{"application_name": "pg-2", "state": "streaming"}], ["db1", "db2"]),
        ([{"application_name": "pg-2", "state": "catchup"}, {"application_name": "db3", "state": "startup"}], ["db1"]),
        ([7], ["db1"]),
        (None, ["db1"]),
    ],
)
def test_replicas_that_patroni_3_0_calls_running_stream_if_the_leader_says_so(access, answer, replication, healthy):
    rows = [ROWS[0], ROWS[1] | {"role": "sync_standby", "state": "running"}, ROWS[2] | {"state": "running"}]
    answer(lambda request: httpx.Response(200, json={"members": rows, "replication": replication}))
    assert [member.name for member in rest.view(access).members if member.healthy] == healthy


def test_a_leader_that_is_not_running_leads_and_is_not_healthy(access, answer):
    answer(lambda _: httpx.Response(200, json={"members": [ROWS[0] | {"state": "stopped"}]}))
    view = rest.view(access)
    assert (view.leader.name, view.leader.healthy) == ("db1", False)


def test_one_node_after_the_other_is_asked(access, answer):
    def last(request):
        if request.url.host != access.inventory["db3"].address:
            raise httpx.ConnectError("refused", request=request)
        return httpx.Response(200, json={"members": ROWS})

    answer(last)
    assert rest.view(access).leader.name == "db1"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"members": [1]}),
        httpx.Response(200, json={"members": None}),
        httpx.Response(200, json={"members": [{"name": 5, "role": "leader", "state": "running"}]}),
        httpx.Response(200, json={"members": [{"name": "db1", "role": ["leader"], "state": "running"}]}),
        httpx.Response(502, text="<h1>Bad Gateway</h1>"),
    ],
)
def test_another_servers_answer_is_an_error(access, answer, response):
    answer(lambda _: response)
    view = rest.view(access)
    assert (view.members, view.leader) == ((), None)
    assert view.error.startswith("db3: ")


def test_a_configuration_that_is_not_an_object_is_an_error(access, answer):
    answer(lambda _: httpx.Response(200, json=["ttl"]))
    with pytest.raises(Problem, match="not Patroni: wanted a JSON object, found HTTP 200 OK"):
        rest.dynamic_configuration(access)
    assert rest.dcs_last_seen(access, access.inventory["db1"]) is None


@pytest.mark.parametrize("status", [502, 503])
def test_the_cause_of_a_refused_configuration_is_the_servers(access, answer, status):
    answer(lambda _: httpx.Response(status, text="no response from DCS"))
    with pytest.raises(Problem, match=f"db3: HTTP {status} .*: no response from DCS"):
        rest.dynamic_configuration(access)


@pytest.mark.parametrize(
    ("cluster", "modes"),
    [
        ({"members": ROWS}, ()),
        ({"members": ROWS, "pause": True}, ("paused (maintenance mode)",)),
        ({"members": [ROWS[0] | {"role": "standby_leader"}]}, ("a standby cluster",)),
    ],
)
def test_modes_without_failover(access, answer, cluster, modes):
    answer(lambda _: httpx.Response(200, json=cluster))
    assert rest.view(access).modes == modes


@pytest.mark.parametrize(
    ("tags", "may", "shown"),
    [
        (None, True, ()),
        ([], True, ()),
        ({"nofailover": True}, False, ("nofailover",)),
        ({"nofailover": False, "failover_priority": 0}, True, ("failover_priority 0",)),
        ({"failover_priority": 0}, False, ("failover_priority 0",)),
        ({"failover_priority": "2"}, True, ("failover_priority 2",)),
        ({"nosync": True, "noloadbalance": True}, True, ("nosync", "noloadbalance")),
    ],
)
def test_tags(access, answer, tags, may, shown):
    answer(lambda _: httpx.Response(200, json={"members": [ROWS[0], ROWS[1] | {"tags": tags}]}))
    view = rest.view(access)
    assert (view.members[1].can_lead, view.members[1].tags) == (may, shown)
    assert view.no_failover == (None if may else f"no replica may lead (db2 {' '.join(shown)})")


def test_a_refused_change_is_a_problem_that_names_the_node(access, answer):
    answer(lambda _: httpx.Response(401, text="no"))
    with pytest.raises(Problem, match="cannot be changed .db3: .*401"):
        rest.change_configuration(access, {"ttl": 20})
    with pytest.raises(Problem, match="db1: /reinitialize was refused .401 no."):
        rest.post(access, "db1", "/reinitialize", {})
