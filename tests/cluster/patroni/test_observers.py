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
        if kind != "key":
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


# -- members ------------------------------------------------------------------------------------------------


async def asked(handler) -> dict:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await members._ask("http://192.0.2.1:8008/patroni", client)


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


@pytest.mark.parametrize("handler", [lambda _: httpx.Response(200, text="<html>"), None])
def test_a_node_that_does_not_answer_is_unreachable(handler):
    def refused(request):
        raise httpx.ConnectError("refused", request=request)

    state = asyncio.run(asked(handler or refused))
    assert state["reachable"] is False
    assert state["error"]
    assert {state[name] for name in ("role", "state", "epoch", "lag", "pending_restart")} == {None}
