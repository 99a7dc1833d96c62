"""What the agents of the fence report: as states for doctors and the steady state, as events for a run."""

from types import SimpleNamespace

import pytest

from firedrill.cluster import fence, fence_watch
from firedrill.cluster.fence import Agent
from firedrill.cluster.fence_watch import Follower

WELL = {"host": "db2", "ok": True, "problem": None, "mode": "quorum", "refusing": None, "unsafe": False}
HELD = WELL | {"refusing": {"leader": "db1", "address": "192.0.2.1", "released": True, "since": 1.0}}


@pytest.mark.parametrize(
    ("status", "age_s", "wanted"),
    [
        (WELL, 0.4, Agent(None, "quorum")),
        (HELD, 0.4, Agent(None, "quorum", "db1")),
        (WELL | {"unsafe": True}, 0, Agent(None, "quorum", None, True)),
        (WELL | {"ok": False, "problem": "etcd does not answer"}, 1, Agent("etcd does not answer", "quorum")),
        (WELL | {"ok": False}, 1, Agent("it gives no reason", "quorum")),
        (WELL, 7, Agent("its last status is 7 s old", "quorum")),
        (WELL, -60, Agent("its last status is -60 s old", "quorum")),
        ({}, 1, Agent("it gives no reason")),
        ("text", 1, Agent("its status is no object")),
    ],
)
def test_what_a_status_shows(status, age_s, wanted):
    assert fence.parsed(status, age_s) == wanted


def test_what_is_wrong_is_a_sentence_for_each_host():
    found = {
        "etcd1": Agent(None),
        "etcd2": Agent("its last status is 9 s old"),
        "db2": Agent(None, refusing="db1"),
        "db3": Agent(None, unsafe=True),
        "lb1": None,
    }
    assert fence.problems(found) == [
        "the fence's agent on etcd2 does not work: its last status is 9 s old",
        "db2 still refuses db1",
        "the fence's agent on db3 is still changed by a drill",
        "lb1 does not answer, so nothing is known of its agent of the fence",
    ]


@pytest.fixture
def recorded():
    return []


@pytest.fixture
def follower(recorded) -> Follower:
    return Follower("etcd1", lambda kind, **fields: recorded.append({"kind": kind, **fields}))


def line(event: str, at: float, **more) -> dict:
    return {"age_s": 0.5, "line": {"event": event, "reason": "because", "host": "etcd1", "at": at, **more}}


def test_a_decision_happened_as_long_ago_as_the_host_says(follower, recorded, monkeypatch):
    monkeypatch.setattr(fence_watch.clock, "now", lambda: 10_000_000_000)
    follower.heard(line("released", 1, leader="db1"))
    (event,) = recorded
    assert (event["t"], event["what"], event["about"], event["detail"]) == (9_500_000_000, "release", "db1", "because")


def test_a_line_that_is_read_again_after_an_interruption_is_recorded_once(follower, recorded):
    for _ in range(2):
        follower.heard(line("refused", 1))
    follower.heard(line("refused", 2))
    assert [event["what"] for event in recorded] == ["decline", "decline"]


def test_other_lines_of_an_agent_are_not_recorded(follower, recorded):
    for found in ({"line": {"event": "started", "at": 1}}, {"line": "text"}, {"line": None}):
        follower.heard({"age_s": 0, **found})
    assert recorded == []


def test_the_journal_is_read_from_where_it_was_left(follower, monkeypatch):
    assert follower.since_s == 0
    now = [10_000_000_000]
    monkeypatch.setattr(fence_watch.clock, "now", lambda: now[0])
    follower.heard({"age_s": 0, "status": WELL})
    now[0] += 3_000_000_000
    assert follower.since_s == 3 + fence_watch.OVERLAP_S


def test_a_host_that_is_gone_is_a_sample_too(follower, recorded):
    follower.heard({"age_s": 0.1, "status": HELD})
    follower.heard({"age_s": 0.1, "status": None})
    follower.unreachable("no route")
    assert [(e["reachable"], e["alive"], e["refusing"]) for e in recorded] == [
        (True, True, ["db1"]),
        (True, False, []),
        (False, None, None),
    ]


def test_a_host_that_lets_nobody_in_is_no_sample(follower, recorded):
    follower.kept_out("another host key")
    assert recorded == [{"kind": "unobserved", "host": "etcd1", "error": "another host key"}]


def test_what_the_observer_says_to_the_doctor(monkeypatch):
    events = [
        {"kind": "agent", "host": "etcd1", "alive": True, "refusing": []},
        {"kind": "agent", "host": "db2", "alive": True, "refusing": ["db1"]},
        {"kind": "agent", "host": "db3", "alive": False, "refusing": [], "error": "it has written no status"},
    ]
    hosts = [type("Host", (), {"name": name}) for name in ("etcd1", "db2", "db3", "lb1")]
    monkeypatch.setattr(fence_watch.fence, "hosts", lambda _: hosts)
    monkeypatch.setattr(fence_watch.fencing, "mode", lambda _: "quorum")
    access = SimpleNamespace(inventory=SimpleNamespace(hosts=()))
    assert fence_watch.found(access, events) == (
        False,
        "db2 refuses db1; db3: it has written no status; lb1: no sample",
    )
    monkeypatch.setattr(fence_watch.fence, "hosts", lambda _: hosts[:1])
    assert fence_watch.found(access, events) == (True, "1 agents act, in mode quorum")
