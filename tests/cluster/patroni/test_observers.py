"""Patroni's observers: its keys and its REST API become events that name no part of Patroni."""

import asyncio
import json
from dataclasses import replace

import httpx
import pytest

from firedrill import package
from firedrill.cluster.etcd import Change
from firedrill.cluster.patroni import leadership, members
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture(scope="module")
def access() -> Access:
    """The lab's inventory; Patroni calls db3 `pg-3`."""
    inventory = read(package.file("inventories/lab.py"))
    hosts = (
        replace(host, data=host.data | {"patroni_name": "pg-3"}) if host.name == "db3" else host
        for host in inventory.hosts
    )
    return Access(replace(inventory, hosts=tuple(hosts)), Secrets())


class Events(list):
    """Collects events as a writer would write them, without the raw keys."""

    def __call__(self, kind, *, host=None, t=None, **fields):
        if kind not in ("key", "cluster"):
            self.append((kind, *fields.values()))


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def keys(access, events):
    """A function that changes a key; a value that is no text is written as JSON."""
    recorded = leadership.Keys(access, events)

    def change(key, value, action="put"):
        text = value if value is None or isinstance(value, str) else json.dumps(value)
        recorded.changed(Change(f"/service/firedrill/{key}", text, 1), action)

    return change


def member(role: str, timeline: int, state: str = "running") -> dict:
    return {"role": role, "state": state, "timeline": timeline}


def test_a_failover_is_a_leadership_that_ends_and_one_that_begins(keys, events):
    keys("members/db1", member("primary", 4), "snapshot")
    keys("leader", "db1")
    keys("leader", None, "delete")
    keys("leader", "pg-3")
    assert events == [("leadership", "db1", 4), ("leadership", None, None), ("leadership", "db3", None)]


def test_the_epoch_of_a_new_leader_follows_when_it_is_known(keys, events):
    keys("leader", "pg-3")
    keys("members/pg-3", member("replica", 4))
    assert events == [("leadership", "db3", None)]
    keys("members/pg-3", member("primary", 5))
    keys("members/pg-3", member("primary", 5))
    assert events == [("leadership", "db3", None), ("leadership", "db3", 5)]


def test_a_snapshot_gives_the_epoch_in_any_order_of_keys(keys, events):
    keys("leader", "db1", "snapshot")
    keys("members/db1", member("master", 7), "snapshot")
    assert events[-1] == ("leadership", "db1", 7)


def test_another_nodes_timeline_is_not_the_leaders(keys, events):
    keys("leader", "db1")
    keys("members/db2", member("primary", 9))
    assert events == [("leadership", "db1", None)]


@pytest.mark.parametrize(
    ("value", "standbys"),
    [
        ({"leader": "db1", "sync_standby": "db2,pg-3"}, ["db2", "db3"]),
        ({"leader": "db1", "sync_standby": None}, []),
        (None, []),
        ("no JSON", []),
        ([1], []),
    ],
)
def test_synchronous_standbys_by_inventory_names(keys, events, value, standbys):
    keys("sync", value, "delete" if value is None else "put")
    assert events == [("sync", standbys)]


def test_every_key_is_recorded_as_evidence(access):
    seen = []
    recorded = leadership.Keys(access, lambda kind, **fields: seen.append((kind, fields)))
    recorded.changed(Change("/service/firedrill/leader", "pg-3", 12), "put")
    assert seen[0] == ("key", {"key": "leader", "action": "put", "value": "db3", "revision": 12})


@pytest.fixture
def clusters(access):
    """What is recorded of the cluster, and a function that changes a key."""
    seen = []
    recorded = leadership.Keys(access, lambda kind, **fields: seen.append(fields) if kind == "cluster" else None)

    def change(key, value):
        recorded.changed(Change(f"/service/firedrill/{key}", value and json.dumps(value), 1), "put")

    return seen, change


def test_a_member_that_joins_or_leaves_is_recorded_once(clusters):
    seen, change = clusters
    change("members/db1", member("primary", 4))
    change("members/PG-X.prod", member("replica", 4) | {"tags": {"nofailover": True}})
    change("members/PG-X.prod", member("replica", 4) | {"tags": {"nofailover": True}})
    change("members/db1", None)
    assert [one["members"] for one in seen] == [["db1"], ["PG-X.prod", "db1"], ["PG-X.prod"]]
    assert seen[-1]["cannot_lead"] == ["PG-X.prod"]


def test_the_mode_of_the_cluster_is_recorded_when_it_changes(clusters):
    seen, change = clusters
    change("config", {"ttl": 20})
    change("config", {"ttl": 20, "pause": True})
    change("config", {"ttl": 20, "pause": None, "standby_cluster": {"host": "10.9.9.9"}})
    assert [one["modes"] for one in seen] == [["paused (maintenance mode)"], ["a standby cluster"]]


# -- members ------------------------------------------------------------------------------------------------


async def asked(handler) -> dict:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await members._ask(Endpoint("http://192.0.2.1:8008"), client)


@pytest.mark.parametrize(
    ("role", "state", "wanted"),
    [
        ("primary", "running", "primary"),
        ("master", "running", "primary"),
        ("replica", "running", "replica"),
        ("replica", "streaming", "replica"),
        ("replica", "starting", "starting"),
        ("primary", "stopped", "starting"),
        (None, None, "starting"),
    ],
)
def test_roles_are_the_same_for_every_system(role, state, wanted):
    assert members._state({"role": role, "state": state})["role"] == wanted


def test_a_member_with_its_epoch_and_lag():
    xlog = {"received_location": 1000, "replayed_location": 400}
    status = {"role": "replica", "state": "running", "timeline": 3, "xlog": xlog, "pending_restart": True}
    assert members._state(status) == {
        "reachable": True,
        "role": "replica",
        "state": "running",
        "epoch": 3,
        "lag": 600,
        "pending_restart": True,
        "error": None,
    }


@pytest.mark.parametrize("content", ["[]", "null", "3", '"x"', "<html>", ""])
@pytest.mark.parametrize("status", [200, 502, 503])
def test_what_is_not_patronis_answer_is_observed_as_unreachable_and_named(content, status):
    state = asyncio.run(asked(lambda _: httpx.Response(status, text=content)))
    assert (state["reachable"], f"HTTP {status} " in state["error"]) == (False, True)


def test_fields_of_the_wrong_type_are_not_observed():
    status = {"role": ["primary"], "state": 7, "timeline": "4", "xlog": {"received_location": None}}
    wanted = {"role": "starting", "state": None, "epoch": None, "lag": None, "reachable": True}
    assert members._state(status).items() >= wanted.items()
    assert members._state({"xlog": None})["lag"] is None


@pytest.mark.parametrize("handler", [lambda _: httpx.Response(200, text="<html>"), None])
def test_a_node_that_does_not_answer_is_unreachable(handler):
    def refused(request):
        raise httpx.ConnectError("refused", request=request)

    state = asyncio.run(asked(handler or refused))
    assert state["reachable"] is False
    assert state["error"]
    assert {state[name] for name in ("role", "state", "epoch", "lag", "pending_restart")} == {None}
