"""What the agents of the fence decided, as a verdict has it, and that nobody claims anything about agents unseen."""

import pytest

from firedrill.experiments.judge.findings import find
from firedrill.experiments.judge.recording import record
from firedrill.experiments.judge.verdict import judge_events
from firedrill.experiments.report import turning_points

JUDGES, DATABASES = ("etcd1", "etcd2", "etcd3"), ("db1", "db2", "db3")
OBSERVED = {"name": "fence", "interval_ms": 1000, "hosts": [*JUDGES, *DATABASES], "required": True}


@pytest.fixture
def fenced(builder):
    """The events of a run on a cluster with a fence: `dead` agents, `away` hosts from a moment on, `decisions`."""

    def of(*decisions, dead=(), away=None, observed=True, refusing=(), **profile):
        plain = builder.run_fields(builder.Story())
        listed = [*plain["observers"], OBSERVED] if observed else plain["observers"]
        given = {"profile": {**plain["profile"], "fence": "quorum", **profile}, "observers": listed}
        # The leader is back within two seconds, as a fence makes it.
        story = {"key_gone": 1.7, "new_key": 1.9, "promoted": 2.1, "routed": 2.4, "run": given}
        events = builder.power_cut_run(**story)
        if observed:
            start = {"phase": "start", "name": "fence", "interval_ms": 1000}
            events.append(builder.event(-15, "runner", "observer", **start))
            for host in OBSERVED["hosts"]:
                for second in range(-14, 50):
                    off = (away or {}).get(host, 100) <= second
                    sample = {"reachable": not off, "alive": None if off else host not in dead}
                    held = list(refusing) if host == "db2" and second > 2 else []
                    events.append(builder.event(second, "fence", "agent", host, refusing=held, **sample))
        for second, host, what, detail in decisions:
            events.append(builder.event(second, "fence", "decision", host, what=what, about="db1", detail=detail))
        return sorted(events, key=lambda e: e["t"])

    return of


RELEASE = (1.6, "etcd2", "release", None)


def test_a_release_is_counted_and_timed(fenced):
    found = judge_events(fenced(RELEASE)).fence
    assert (found.agents, found.released, found.declined, found.decide_ms, found.left) == (6, 1, 0, 1600, 0)


def test_a_cluster_without_a_fence_has_no_such_figures(fenced, builder):
    assert judge_events(builder.power_cut_run()).fence is None
    assert judge_events(fenced(fence="off", observed=False)).fence is None


def test_where_no_agent_was_seen_to_act_nothing_is_claimed_about_the_fence(fenced):
    verdict = judge_events(fenced(dead=OBSERVED["hosts"]))
    assert verdict.verdict == "unknown"
    assert verdict.why[0].startswith("The fence: wanted agents that act before the first fault, found none")
    assert judge_events(fenced()).verdict == "pass"


def test_without_the_observer_nothing_is_claimed_either(fenced):
    verdict = judge_events(fenced(observed=False))
    assert (verdict.verdict, verdict.fence.agents, verdict.fence.released) == ("unknown", None, None)


def test_no_release_is_zero_only_where_every_judge_was_reachable(fenced):
    assert judge_events(fenced(away={"db1": 0})).fence.released == 0
    assert judge_events(fenced(away={"db1": 0, "etcd1": 0})).fence.released is None
    assert judge_events(fenced(RELEASE, away={"etcd1": 0})).fence.released == 1


def test_a_block_that_is_left_is_counted(fenced):
    assert judge_events(fenced(refusing=["db1"])).fence.left == 1
    assert judge_events(fenced(away={"db3": 40})).fence.left is None


def test_decisions_of_before_the_fault_are_not_counted(fenced):
    assert judge_events(fenced((-3, "etcd1", "decline", "no majority"))).fence.declined == 0


def test_the_time_line_shows_what_was_decided(fenced):
    decided = [
        (1.2, "etcd1", "vote", None),
        (1.5, "etcd1", "decline", "no standby may take over"),
        (1.55, "db2", "block", None),
        RELEASE,
        (40, "db2", "unblock", None),
    ]
    turns = turning_points.turns(find(record(fenced(*decided))))
    assert [turn.text for turn in turns if turn.source == "fence"] == [
        "etcd1 considers db1 dead",
        "etcd1 does not act against db1: no standby may take over",
        "db2 refuses db1",
        "etcd2 ended the leadership of db1",
        "db2 no longer refuses db1",
    ]


def test_an_expectation_can_ask_for_it(fenced, builder):
    expected = {"name": "The fence acted once", "metric": "fence.released", "op": "==", "wanted": 1}
    events = fenced(RELEASE)
    run = next(e for e in events if e["kind"] == "run")
    run["expectations"] = [expected]
    assert judge_events(events).verdict == "pass"
    events = [e for e in events if e.get("what") != "release"]
    assert judge_events(events).verdict == "fail"
