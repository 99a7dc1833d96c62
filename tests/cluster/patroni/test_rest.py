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
    ],
)
def test_another_servers_answer_is_an_error(access, answer, response):
    answer(lambda _: response)
    view = rest.view(access)
    assert (view.members, view.leader) == ((), None)
    assert view.error.startswith("db3: ")


def test_a_refused_change_is_a_problem_that_names_the_node(access, answer):
    answer(lambda _: httpx.Response(401, text="no"))
    with pytest.raises(Problem, match="cannot be changed .db3: .*401"):
        rest.change_configuration(access, {"ttl": 20})
    with pytest.raises(Problem, match="db1: /reinitialize was refused .401 no."):
        rest.post(access, "db1", "/reinitialize", {})
