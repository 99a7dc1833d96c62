"""What users got and what the cluster did: each figure, null where it was not observed."""

import pytest

from firedrill.experiments.judge.spans import SECOND
from firedrill.experiments.judge.verdict import judge_events

OBSERVERS = ("write_probe", "node_probe", "leadership", "members", "proxy", "users")


@pytest.fixture
def run(builder):
    return builder.power_cut_run


def judge(events):
    """The content of verdict.json."""
    return judge_events(events).to_json()


def steady_load(builder, slow=None, failing=()):
    """Twenty requests a second, evenly: ten POSTs, ten GETs of 10 ms each.

    `slow` is (from, to, seconds) of POSTs, `failing` (from, to) of all.
    """
    events = [builder.event(t, "users", "alive", users=20) for t in builder.ticks(-14.9, 48.2, 1.0)]
    for n, begin in enumerate(builder.ticks(-15.0, 48.0, 0.05)):
        method, took = ("POST", "GET")[n % 2], 0.01
        if slow and method == "POST" and slow[0] <= begin < slow[1]:
            took = slow[2]
        good = not (failing and failing[0] <= begin < failing[1])
        outcome = {"POST": ("failed", "acked"), "GET": ("error", "ok")}[method][good]
        fields = {"id": f"r{n}", "method": method, "name": "/", "status": 200, "outcome": outcome, "error": None}
        events.append(builder.event(begin + took, "users", "request", start=builder.at(begin), **fields))
    return events


def with_load(run, load, **knobs):
    events = [e for e in run(**knobs) if e["source"] != "users"]
    return sorted([*events, *load], key=lambda e: e["t"])


def test_before_and_during_are_measured(run, builder):
    figures = judge(with_load(run, steady_load(builder, slow=(0, 20, 0.5))))
    assert figures["before"]["write_rate"] == pytest.approx(10, abs=0.3)
    assert figures["before"]["write_p50_ms"] == pytest.approx(10)
    during = figures["during"]
    assert during["write_p50_ms"] == during["write_worst_ms"] == pytest.approx(500)
    assert during["write_ratio"] == pytest.approx(1, abs=0.05)
    assert during["read_p95_ms"] == pytest.approx(10)
    assert during["read_ratio"] == pytest.approx(1, abs=0.05)


def test_failures_lower_the_ratio_and_count_as_errors(run, builder):
    figures = judge(with_load(run, steady_load(builder, failing=(10, 27))))
    assert figures["during"]["write_ratio"] == pytest.approx(0.5, abs=0.05)
    assert figures["during"]["read_ratio"] == pytest.approx(0.5, abs=0.05)
    assert (figures["write_errors"], figures["read_errors"]) == (170, 170)
    assert figures["errors_after_heal"] == 0


def test_errors_after_healing_are_told_apart(run, builder):
    figures = judge(with_load(run, steady_load(builder, failing=(33.5, 34.5))))
    assert figures["errors_after_heal"] == 10
    assert figures["during"]["write_errors"] == 5


def test_latency_counts_from_when_it_was_due(run, builder):
    load = steady_load(builder)
    late = [
        e | {"due": e["start"] - 2 * SECOND} if e["kind"] == "request" and e["t"] > builder.at(5) else e for e in load
    ]
    assert judge(with_load(run, late))["during"]["write_worst_ms"] == pytest.approx(2010)
    assert judge(with_load(run, load))["during"]["write_worst_ms"] == pytest.approx(10)


def test_levels_are_points_of_a_curve(run, builder):
    level = {"source": "runner", "host": None, "kind": "level"}
    marks = [
        level | {"t": builder.at(8), "name": "calm", "start": builder.at(2)},
        level | {"t": builder.at(20), "name": "slow", "start": builder.at(10)},
    ]
    events = sorted([*with_load(run, steady_load(builder, slow=(9, 21, 0.3))), *marks], key=lambda e: e["t"])
    calm, slow = judge(events)["levels"]
    assert (calm["name"], slow["name"]) == ("calm", "slow")
    assert (calm["write_p50_ms"], slow["write_p95_ms"]) == (pytest.approx(10), pytest.approx(300))
    assert calm["read_rate"] == slow["read_rate"] == pytest.approx(10, abs=0.2)
    assert slow["write_errors"] == 0


@pytest.mark.parametrize("knobs", [{"without": ("users",)}, {"silent": (("users", None, 10, 20),)}])
def test_without_samples_of_the_users_there_are_no_figures_of_them(run, knobs):
    figures = judge(run(**knobs))
    assert set(figures["during"].values()) == {None}
    assert [figures[name] for name in ("write_errors", "read_errors", "errors_after_heal")] == [None] * 3


def test_before_takes_two_seconds_of_all_users(run, builder):
    load = [e for e in steady_load(builder) if e["t"] > builder.at(-1.5)]
    assert set(judge(with_load(run, load))["before"].values()) == {None}


def slow_to_start(builder, known=True):
    """The steady load, but four seconds' requests come at once, just after the 10 s before the fault have begun."""
    load = []
    for e in steady_load(builder):
        if e["kind"] != "request":
            load.append(e)
            continue
        late = builder.at(-14) <= e["start"] < builder.at(-10)
        shown = e | {"t": builder.at(-9.9), "start": builder.at(-10.5)} if late else e
        load.append(shown | ({"due": e["start"]} if known else {}))
    return load


def test_what_was_due_earlier_is_no_part_of_the_rate_before(run, builder):
    """Users whose first requests waited: what came of them later would make any later rate look poor."""
    figures = judge(with_load(run, slow_to_start(builder)))
    assert figures["before"]["write_rate"] == pytest.approx(10, abs=0.3)
    assert figures["before"]["read_rate"] == pytest.approx(10, abs=0.3)
    assert figures["during"]["write_ratio"] == pytest.approx(1, abs=0.05)
    assert figures["phases"]["recover95_ms"] is not None


def test_a_recording_that_has_no_schedule_is_judged_as_ever(run, builder):
    figures = judge(with_load(run, slow_to_start(builder, known=False)))
    assert figures["before"]["write_rate"] == pytest.approx(14, abs=0.3)
    assert figures["phases"]["recover95_ms"] is None


# -- what the cluster did --------------------------------------------------------------------------------


def taken(builder, seconds, holder):
    return builder.event(seconds, "leadership", "leadership", holder=holder, epoch=None)


def also(run, *events, **knobs):
    return sorted([*run(**knobs), *events], key=lambda e: e["t"])


def test_a_failover_is_one_change_of_leader(run, builder):
    assert judge(run())["leader_changes"] == 1
    twice = also(run, taken(builder, 30, "db3"), taken(builder, 31, "db2"))
    assert judge(twice)["leader_changes"] == 3


def test_the_same_leader_again_is_no_change(run, builder):
    events = [e for e in run() if not (e["kind"] == "leadership" and e["t"] > builder.at(0))]
    assert judge(events)["leader_changes"] == 0
    back = [*events, taken(builder, 10, None), taken(builder, 12, "db1")]
    assert judge(sorted(back, key=lambda e: e["t"]))["leader_changes"] == 0


def test_leader_changes_are_unknown_where_the_leadership_was_not_observed_to_the_end(run):
    assert judge(run(without=("leadership",)))["leader_changes"] is None
    assert judge(run(silent=(("leadership", None, 30, 99),)))["leader_changes"] is None
    assert judge(run(silent=(("leadership", None, 22, 32),)))["leader_changes"] == 1


def test_rejoining_counts_from_healing(run):
    assert judge(run())["rejoin_ms"] == pytest.approx(13_000)
    assert judge(run(steady_after_ok=False))["rejoin_ms"] is None


def test_when_and_how_a_node_caught_up(run, builder):
    assert (judge(run())["caught_up_ms"], judge(run())["caught_up_by"]) == (None, None)
    late = builder.event(39.5, "runner", "caught_up", "db1", ok=False, by=None)
    there = builder.event(42.0, "runner", "caught_up", "db1", ok=True, by="pg_rewind")
    assert judge(also(run, late))["caught_up_ms"] is None
    verdict = judge(also(run, late, there))
    assert (verdict["caught_up_ms"], verdict["caught_up_by"]) == (8000, "pg_rewind")


def test_when_a_lost_standby_no_longer_counts(run, builder):
    def of_db2(events):
        return [e | {"host": "db2"} if e["kind"] == "fault" else e for e in events]

    events = [e for e in run() if not (e["kind"] == "sync" and e["t"] > builder.at(0))]
    assert judge(of_db2(events))["sync_replaced_ms"] is None, "it was counted on to the end"
    events = sorted([*events, builder.event(6, "leadership", "sync", standbys=["db3"])], key=lambda e: e["t"])
    assert judge(of_db2(events))["sync_replaced_ms"] == pytest.approx(6000)
    assert judge(events)["sync_replaced_ms"] is None, "the leader is no synchronous standby"


def test_a_fork_is_seen_even_without_overlap(run):
    assert (judge(run())["diverged"], judge(run())["diverged_timelines"]) == (0, [])
    events = run(second_primary=(24.0, 25.0))
    old = [e | {"epoch": 1} if e["source"] == "node_probe" and e["host"] == "db1" else e for e in events]
    verdict = judge(old)
    assert verdict["diverged"] > 5
    (fork,) = verdict["diverged_timelines"]
    assert fork["node"] == "db1"
    assert fork["writes"] == verdict["diverged"]


def test_no_fork_is_unknown_where_a_node_was_not_observed(run):
    assert judge(run(silent=(("node_probe", "db1", 10, 20),)))["diverged"] is None


def test_how_long_writes_went_on_and_when_they_were_back(run):
    """An outage that healing ends, as when the coordination service has its quorum again."""
    held = judge(run(cut=4.0, key_gone=33.0, new_key=35.5, promoted=36.0, routed=36.5))
    assert held["down_after_ms"] == pytest.approx(4000, abs=100)
    assert held["back_after_heal_ms"] == pytest.approx(2600, abs=200)
    assert judge(run())["back_after_heal_ms"] is None, "writes were back before"


# -- endpoints that do not answer -------------------------------------------------------------------------


def test_endpoints_that_do_not_answer_are_no_gap(run, builder):
    silent = (("leadership", None, 5, 17),)
    assert judge(run(silent=silent))["verdict"] == "unknown"
    vain = [
        builder.event(t, "leadership", "unreachable", endpoint="10.77.0.12:2379", error="Unavailable")
        for t in builder.ticks(5.5, 17, 1.0)
    ]
    verdict = judge(also(run, *vain, silent=silent))
    assert verdict["verdict"] == "pass", verdict["why"]
    assert verdict["phases"]["detect_ms"] == pytest.approx(18_620)


def test_a_change_that_was_recorded_late_is_no_measured_moment(run, builder):
    vain = [
        builder.event(t, "leadership", "unreachable", endpoint="10.77.0.12:2379", error="Unavailable")
        for t in builder.ticks(5.5, 18.5, 1.0)
    ]
    verdict = judge(also(run, *vain, silent=(("leadership", None, 5, 18.6),)))
    assert verdict["phases"]["detect_ms"] is None
    assert verdict["leader_changes"] == 1
