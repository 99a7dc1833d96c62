"""Recordings of format 1 are upgraded event by event; what they said of Patroni, etcd and HAProxy is then neutral."""

import json

import pytest

from firedrill.experiments.observe import format_1


def one(source, kind, **fields):
    return format_1.upgraded({"t": 1, "source": source, "kind": kind, "host": "db1", **fields})


def test_no_source_of_one_system_is_left(events_of):
    assert {event["source"] for event in format_1.upgrade(events_of("leader_power_cut"))} == {
        *("runner", "write_probe", "node_probe", "leadership", "members", "proxy", "users", "tables", "logs"),
    }


def test_the_run_lists_its_hosts_by_what_they_do():
    topology = [
        {"name": "one", "roles": ["etcd", "postgres"]},
        {"name": "two", "roles": ["postgres"]},
        {"name": "three", "roles": ["proxy"]},
    ]
    found = one("runner", "run", format=1, topology=topology, unobserved=["haproxy"])
    assert (found["format"], found["system"]) == (2, "patroni")
    assert (found["databases"], found["coordinators"], found["proxies"]) == (["one", "two"], ["one"], ["three"])
    assert found["tiers"] == [
        {"title": "HAProxy", "hosts": ["three"]},
        {"title": "PostgreSQL", "hosts": ["one", "two"]},
        {"title": "etcd", "hosts": ["one"]},
    ]
    needed = {row["name"]: row["required"] for row in found["observers"]}
    assert needed == {
        "write_probe": True, "node_probe": True, "leadership": True, "members": True, "proxy": False, "users": False,
        "tcp": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "action", "value", "wanted"),
    [
        ("leader", "put", "db2", {"kind": "leadership", "holder": "db2", "epoch": None}),
        ("leader", "delete", None, {"kind": "leadership", "holder": None, "epoch": None}),
        ("sync", "put", '{"sync_standby": "db2, db3"}', {"kind": "sync", "standbys": ["db2", "db3"]}),
        ("sync", "put", "not JSON", {"kind": "sync", "standbys": []}),
        ("history", "put", "[]", {"kind": "key"}),
    ],
)
def test_keys_of_etcd_are_the_leadership(key, action, value, wanted):
    found = one("etcd", "key", key=key, action=action, value=value)
    assert {name: found[name] for name in wanted} == wanted
    assert found["source"] == "leadership"


def test_an_unknown_action_is_refused():
    with pytest.raises(ValueError, match="'action' cannot be 'get'"):
        one("etcd", "key", key="leader", action="get")


@pytest.mark.parametrize(
    ("state", "role", "wanted"),
    [
        ("running", "master", "primary"),
        ("streaming", "primary", "primary"),
        ("running", "sync_standby", "replica"),
        ("starting", "primary", "starting"),
        (None, None, "starting"),
    ],
)
def test_what_patroni_reports_is_a_role(state, role, wanted):
    found = one("patroni", "member", reachable=True, state=state, role=role, timeline=3)
    assert (found["source"], found["role"], found["epoch"]) == ("members", wanted, 3)


def test_backends_have_a_purpose():
    found = [one("haproxy", "server", backend=name)["purpose"] for name in ("postgres_write", "postgres_read", "other")]
    assert found == ["write", "read", None]


def test_the_epoch_of_a_write_was_its_timeline():
    assert one("node_probe", "write", timeline=4)["epoch"] == 4
    assert one("runner", "parts", etcd_leader="e1")["coordinator_leader"] == "e1"
    assert json.dumps(one("users", "request")) == json.dumps(
        {"t": 1, "source": "users", "kind": "request", "host": "db1"}
    )
