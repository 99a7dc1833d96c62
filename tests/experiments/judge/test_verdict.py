"""The judge: every figure, and every verdict (pass, fail, unknown), each for its reason."""

import json
import random
import time

import pytest

from firedrill.experiments.judge import verdict as judging
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.summary import summarise
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.judge.verdict import assess, judge_events
from firedrill.experiments.judge.writes import lost_and_ghost

OBSERVERS = ("write_probe", "node_probe", "leadership", "members", "proxy", "users")


@pytest.fixture(scope="module")
def run(builder):
    return builder.power_cut_run


def judge(events):
    """The content of verdict.json."""
    return judge_events(events).to_json()


def by_name(verdict, metric):
    return next(e for e in verdict["expectations"] if e["metric"] == metric)


def said(verdict, *words):
    """Whether one sentence of `why` has all the words."""
    return any(all(word in sentence for word in words) for sentence in verdict["why"])


# -- a run in which all holds ----------------------------------------------------------------------------


def test_passes_and_says_what_held(run):
    verdict = judge(run())
    assert verdict["verdict"] == "pass"
    assert [e["verdict"] for e in verdict["expectations"]] == ["pass"] * 6
    assert said(verdict, "Writes come back in time: wanted rto_ms <= 24.00 s, found 21.10 s.")
    assert len(verdict["why"]) == 6


def test_rto_is_from_ack_to_ack(run):
    events = run()
    acks = [e["t"] for e in events if e["source"] == "write_probe" and e.get("outcome") == "acked"]
    longest = max(b - a for a, b in zip(acks, acks[1:], strict=False))
    assert judge(events)["rto_ms"] == pytest.approx(longest / 1e6, abs=0.001)


def test_phases_add_up_to_the_first_ack(run, builder):
    verdict = judge(run())
    phases = verdict["phases"]
    acks = [e["t"] for e in run() if e["source"] == "write_probe" and e.get("outcome") == "acked"]
    first = next(t for t in acks if t > builder.at(10))
    total = phases["detect_ms"] + phases["promote_ms"] + phases["route_ms"]
    assert phases["detect_ms"] == 18620.0
    assert total == pytest.approx((first - builder.FAULT_AT) / 1e6, abs=0.01)


def test_prediction_comes_from_the_profile(run):
    assert judge(run())["predicted"] == {"rto_ms": [20100.0, 23400.0]}
    assert judge(run(run={"profile": {"ttl": 20}}))["predicted"] is None


def test_prediction_is_wider_where_the_leader_may_lead_etcd(run):
    assert judge(run(run={"coordinators": ["db1"]}))["predicted"] == {"rto_ms": [20100.0, 26400.0]}


@pytest.mark.parametrize(
    ("led", "verdict"), [("db1", "pass"), ("db2", "fail"), (None, "unknown")], ids=["hit", "elsewhere", "not recorded"]
)
def test_the_bound_follows_where_the_coordinator_was_led(run, builder, led, verdict):
    """23.4 s are too long for one that was led elsewhere, and as expected for one that must elect a leader first."""
    bound = {"name": "back", "metric": "rto_ms", "op": "<=", "wanted": 20_000, "if_coordinator_lost": 24_000}
    events = run(run={"coordinators": ["db1", "db2", "db3"]}, expectations=(bound,))
    if led:
        events.append(builder.event(-14, "runner", "roles", phase="before", coordinator_leader=led))
    found = judge(sorted(events, key=lambda event: event["t"]))
    assert by_name(found, "rto_ms")["verdict"] == verdict


def test_a_known_leader_of_the_coordinator_narrows_the_prediction(run, builder):
    events = run(run={"coordinators": ["db1", "db2"]})
    events.append(builder.event(-14, "runner", "roles", phase="before", coordinator_leader="db2"))
    assert judge(sorted(events, key=lambda event: event["t"]))["predicted"] == {"rto_ms": [20100.0, 23400.0]}


def test_no_prediction_for_another_fault(run):
    events = [e | {"fault": "pause"} if e["kind"] == "fault" else e for e in run()]
    assert judge(events)["predicted"] is None


def test_judging_again_says_the_same(run):
    events = run()
    text = json.dumps(judge(events))
    random.Random(1).shuffle(events)
    assert json.dumps(judge(iter(events))) == text


def test_does_not_change_the_events(run):
    events = run()
    before = json.dumps(events)
    judge(events)
    assert json.dumps(events) == before


# -- writes ----------------------------------------------------------------------------------------------


def test_a_lost_write_fails_with_its_id(run):
    verdict = judge(run(lost_probe=(11, 107)))
    assert (verdict["verdict"], verdict["lost"]) == ("fail", 2)
    assert verdict["lost_ids"] == {"probe": [11, 107], "forecast": []}
    assert verdict["why"] == ["No acknowledged write is lost: wanted lost == 0, found 2."]


def test_a_lost_post_fails_with_its_id(run):
    post = next(e["id"] for e in run() if e.get("method") == "POST" and e["outcome"] == "acked")
    verdict = judge(run(lost_forecast=(post,)))
    assert (verdict["verdict"], verdict["lost_ids"]["forecast"]) == ("fail", [post])


def test_a_post_tried_again_and_acked_once_is_acked(run):
    events = run()
    acked = [e for e in events if e.get("method") == "POST" and e["outcome"] == "acked"]
    again = [e | {"outcome": outcome} for e in acked[:9] for outcome in ("failed", "unknown", "acked")]
    one, two = judge(events), judge(events + again)
    assert [one[k] for k in ("acked", "failed", "unknown_writes", "ghost")] == [
        two[k] for k in ("acked", "failed", "unknown_writes", "ghost")
    ]


def test_a_failed_write_that_is_present_is_a_ghost_and_no_fault(run):
    events = run()
    ghosts = judge(events)["ghost"]
    failed = next(e for e in events if e["source"] == "write_probe" and e.get("outcome") == "failed")
    page = next(e for e in events if e["kind"] == "present" and e["table"] == "probe")
    end = next(e for e in events if e["kind"] == "present_end" and e["table"] == "probe")
    page["ids"].append(failed["id"])
    end["count"] += 1
    verdict = judge(events)
    assert (verdict["verdict"], verdict["ghost"]) == ("pass", ghosts + 1)


@pytest.mark.parametrize("table", ["probe", "forecast"])
def test_a_table_not_read_to_its_end_is_unknown(run, table):
    verdict = judge(run(unread=(table,)))
    assert (verdict["verdict"], verdict["lost"], verdict["ghost"]) == ("unknown", None, None)
    assert said(verdict, f"tables: the table {table} was not read to its end")


def test_a_lost_write_stays_lost_when_the_other_table_is_unread(run):
    verdict = judge(run(lost_probe=(11,), unread=("forecast",)))
    assert (verdict["verdict"], verdict["lost"]) == ("fail", 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"count": 5}, "probe holds 5 rows"),
        ({"leader": "db3"}, "probe was read from db3, wanted the leader db2"),
    ],
)
def test_a_reading_that_cannot_be_relied_on_is_unknown(run, change, words):
    events = [e | change if e["kind"] == "present_end" and e["table"] == "probe" else e for e in run()]
    verdict = judge(events)
    assert (verdict["verdict"], verdict["lost"]) == ("unknown", None)
    assert said(verdict, words)


def test_a_write_acked_while_the_table_was_read_is_unknown(run):
    events = run()
    late = next(e for e in events if e["kind"] == "present_end" and e["table"] == "probe")["t"]
    write = next(e for e in events if e["source"] == "write_probe" and e.get("outcome") == "acked")
    assert judge([*events, write | {"id": 10**6, "start": late, "t": late}])["lost"] is None


def test_only_the_last_reading_of_a_table_counts(run):
    events = run(lost_probe=(11,))
    early = next(e for e in events if e["kind"] == "present")["t"] - 1000
    reading = [
        {"kind": "present", "t": early, "table": "probe", "ids": [11]},
        {"kind": "present_end", "t": early + 1, "table": "probe", "count": 1, "leader": "db1"},
    ]
    assert judge([*events, *({"source": "tables", "host": "db1"} | e for e in reading)])["lost"] == 1


def test_finds_one_lost_among_a_million_quickly():
    best = dict.fromkeys(range(1_000_000), "acked") | {1_000_001: "failed", 1_000_002: "unknown"}
    present = list(range(1_000_000)) + [1_000_002]
    present.remove(123_456)
    started = time.process_time()
    assert lost_and_ghost(best, present) == ([123_456], [1_000_002])
    assert time.process_time() - started < 2


# -- outages ---------------------------------------------------------------------------------------------


def test_writes_that_never_come_back_fail(run):
    verdict = judge(run(back=False))
    assert (verdict["verdict"], verdict["rto_ms"]) == ("fail", None)
    assert by_name(verdict, "rto_ms")["verdict"] == "fail"
    assert said(verdict, "found no end", "the last success was +0.0", "observed until +48")
    assert verdict["phases"]["promote_ms"] is None


def test_never_back_fails_though_no_leader_was_found_to_read_from(run):
    assert by_name(judge(run(back=False, end_ok=False)), "rto_ms")["verdict"] == "fail"


def test_never_back_is_unknown_in_a_run_that_broke_off_before_it_had_waited(run):
    verdict = judge(run(back=False, end_ok=False, steady_after_ok=None))
    assert by_name(verdict, "rto_ms")["verdict"] == "unknown"
    assert verdict["verdict"] == "unknown"


def test_an_ack_just_after_the_fault_does_not_end_an_outage(run, builder):
    last = [e for e in run(back=False) if e.get("outcome") == "acked" and e["source"] == "write_probe"][-1]
    assert last["t"] > builder.FAULT_AT
    assert judge(run(back=False))["rto_ms"] is None


def test_a_second_longer_outage_counts(run, builder):
    events = [
        e for e in run(steady=80.0) if not (e.get("outcome") == "acked" and builder.at(45) < e["t"] < builder.at(70))
    ]
    fails = [
        e | {"id": 10**6 + n, "t": builder.at(45 + n / 2), "start": builder.at(45 + n / 2), "outcome": "failed"}
        for n, e in enumerate([next(e for e in events if e["source"] == "write_probe")] * 50)
    ]
    assert judge(events + fails)["rto_ms"] == pytest.approx(25_000, abs=60)


def test_a_gap_long_before_the_fault_does_not_count(run, builder):
    events = [
        e for e in run(begin=-60.0) if e["source"] != "write_probe" or not builder.at(-50) < e["t"] < builder.at(-20)
    ]
    assert judge(events)["rto_ms"] == pytest.approx(21_095, abs=10)


def test_no_outage_is_a_short_gap_and_not_null(run):
    verdict = judge(run(cut=1000.0, key_gone=1000.0, new_key=1000.0, promoted=1000.0, routed=999.0))
    assert verdict["rto_ms"] < 100


def test_a_read_outage_over_the_limit_fails(run, builder):
    events = [
        e | {"outcome": "error"} if e.get("method") == "GET" and builder.at(2) < e["t"] < builder.at(9) else e
        for e in run()
    ]
    verdict = judge(events)
    assert verdict["verdict"] == "fail"
    assert verdict["read_outage_ms"] == pytest.approx(7000, abs=100)


def test_reads_that_hang_without_an_answer_are_not_seen(run, builder):
    """Users still record samples, but no GET ever ends after the fault: no short outage is made of that."""
    events = [e for e in run() if e.get("method") != "GET" or e["t"] < builder.FAULT_AT]
    verdict = judge(events)
    assert (verdict["read_outage_ms"], verdict["verdict"]) == (None, "unknown")


def test_recovery_waits_for_two_windows_of_the_old_rate(run, builder):
    slow = [
        e | {"outcome": "failed" if e["method"] == "POST" else "error"}
        if e.get("method") and builder.at(21) < e["t"] < builder.at(30)
        else e
        for e in run()
    ]
    assert judge(run())["phases"]["recover95_ms"] == pytest.approx(21_000, abs=500)
    assert judge(slow)["phases"]["recover95_ms"] == pytest.approx(30_000, abs=500)


# -- two primaries ---------------------------------------------------------------------------------------


def test_two_primaries_fail_with_the_exact_overlap(run, builder):
    verdict = judge(run(second_primary=(44.0, 46.0)))
    assert (verdict["verdict"], verdict["dual_primary_ms"]) == ("fail", 1998.0)
    one = {"nodes": ["db1", "db2"], "from": builder.at(44.002), "to": builder.at(46.0), "ms": 1998.0}
    assert verdict["dual_primary"] == [one]
    assert verdict["why"] == ["Never two primaries: wanted dual_primary_ms == 0 ms, found 2.00 s."]


def test_one_late_write_on_the_old_primary_is_two_primaries(run):
    verdict = judge(run(second_primary=(44.0, 44.01)))
    assert (verdict["verdict"], verdict["dual_primary_ms"]) == ("fail", 2.0)


def test_three_primaries_at_once_count_once(run, builder):
    events = run(second_primary=(44.0, 46.0))
    old = [e for e in events if e["host"] == "db1" and e["t"] > builder.at(40)]
    third = [e | {"host": "db3"} for e in old if e.get("outcome") == "acked"]
    others = [e for e in events if not (e["source"] == "node_probe" and e["host"] == "db3")]
    verdict = judge(others + third)
    assert (verdict["dual_primary_ms"], len(verdict["dual_primary"])) == (1998.0, 3)


def test_a_write_that_hung_through_the_failover_is_no_proof(run, builder):
    """A paused node answers late: its row is broken, so only what it takes afterwards counts."""
    events = run()
    last = [e for e in events if e["host"] == "db1" and e.get("outcome") == "acked"][-1]
    events = [e for e in events if not (e["source"] == "node_probe" and e["host"] == "db1" and e["t"] > last["t"])]
    late = last | {"start": last["t"] + 1000, "t": builder.at(25)}
    assert judge([*events, late])["dual_primary"] == []


def test_an_overlap_stands_though_the_probe_had_a_gap(run):
    verdict = judge(run(second_primary=(44.0, 46.0), silent=(("node_probe", "db3", 5.0, 9.0),)))
    assert (verdict["verdict"], verdict["dual_primary_ms"]) == ("fail", 1998.0)


# -- what was not observed -------------------------------------------------------------------------------

NULL_WITHOUT = {
    "write_probe": ["rto_ms", "acked", "lost", "ghost", "route_ms"],
    "node_probe": ["dual_primary_ms", "promote_ms", "route_ms"],
    "leadership": ["detect_ms", "promote_ms", "route_ms"],
    "members": [],
    "proxy": [],
    "users": ["read_outage_ms", "user_errors", "user_requests", "recover95_ms", "lost", "acked"],
}


@pytest.mark.parametrize("name", OBSERVERS)
def test_without_an_observer_unknown_and_its_figures_null(run, name):
    verdict = judge(run(without=(name,)))
    assert verdict["verdict"] == "unknown"
    assert said(verdict, f"{name}: wanted an observer of the run, found that it never started.")
    figures = verdict | verdict["phases"]
    assert {key: figures[key] for key in NULL_WITHOUT[name]} == dict.fromkeys(NULL_WITHOUT[name])


@pytest.mark.parametrize("name", OBSERVERS)
def test_a_gap_in_the_coverage_is_unknown(run, name):
    verdict = judge(run(silent=((name, None, 4.0, 12.0),)))
    assert verdict["verdict"] == "unknown"
    assert said(verdict, f"{name}: wanted a sample", "found a gap of", " s from +")


@pytest.mark.parametrize(("name", "host"), [("node_probe", "db3"), ("members", "db2"), ("proxy", "lb2")])
def test_a_gap_about_one_host_is_unknown(run, name, host):
    verdict = judge(run(silent=((name, host, 4.0, 12.0),)))
    assert (verdict["verdict"], len(verdict["why"])) == ("unknown", 2 if name == "node_probe" else 1)
    assert said(verdict, f"{name}: wanted a sample of {host} every ")


def test_a_host_without_samples_is_a_gap(run):
    assert said(judge(run(silent=(("members", "db2", -99.0, 99.0),))), "members", "of db2")


def test_an_observer_that_stops_too_early_is_a_gap(run):
    verdict = judge(run(silent=(("leadership", None, 30.0, 99.0),)))
    assert (verdict["verdict"], verdict["phases"]["detect_ms"]) == ("unknown", 18620.0)
    assert said(verdict, "leadership: wanted a sample every 5 s, found a gap of 1")


def test_a_gap_before_the_fault_is_no_gap(run):
    assert judge(run(silent=(("leadership", None, -12.0, -1.0),)))["verdict"] == "pass"


def test_an_outage_with_a_gap_in_it_was_not_seen(run):
    verdict = judge(run(silent=(("write_probe", None, 5.0, 9.0),)))
    assert (verdict["rto_ms"], by_name(verdict, "rto_ms")["verdict"]) == (None, "unknown")


def test_a_gap_outside_the_outage_leaves_the_figure(run):
    verdict = judge(run(silent=(("write_probe", None, 30.0, 33.0),)))
    assert (verdict["rto_ms"] > 21_000, verdict["verdict"]) == (True, "unknown")


@pytest.mark.parametrize("load", [None, {}, {"users": 0}])
def test_needs_no_users_without_a_load(run, load):
    events = run(run={"load": load}, without=("users",), unread=("forecast",))
    assert judge(events)["lost"] == 0


# -- the fault, the steady state, the end ----------------------------------------------------------------


@pytest.mark.parametrize("effective", [False, None])
def test_a_fault_not_proven_effective_is_unknown(run, effective):
    verdict = judge(run(effective=effective))
    assert verdict["verdict"] == "unknown"
    assert said(verdict, "power_cut of db1: wanted proof of its effect, found", "" if effective is None else "SSH")


def test_an_unproven_fault_cannot_make_the_cluster_fail(run):
    late = ({"name": "At once", "metric": "rto_ms", "op": "<=", "wanted": 5},)
    assert judge(run(expectations=late))["verdict"] == "fail"
    assert judge(run(expectations=late, effective=False))["verdict"] == "unknown"


def test_an_unproven_fault_excuses_no_lost_write(run):
    assert judge(run(lost_probe=(11,), effective=False))["verdict"] == "fail"


def test_a_fault_proven_again_before_it_was_healed_changes_nothing(run):
    again = judge(run(looks=((33.9, "still_effective"),)))
    assert again == judge(run())
    assert again["verdict"] == "pass"


def test_a_fault_that_lapsed_early_is_unknown_with_the_time(run):
    verdict = judge(run(looks=((12.34, "lapsed"),)))
    assert verdict["verdict"] == "unknown"
    found = "found that it had ended by 12.3 s after its injection (db1: lapsed)."
    assert said(verdict, "power_cut of db1: wanted its effect to last until it was healed,", found)


def test_a_fault_of_which_nobody_knows_whether_it_lasted_is_unknown(run):
    verdict = judge(run(looks=((33.9, "unobserved"),)))
    assert verdict["verdict"] == "unknown"
    assert said(verdict, "found that it could not be observed 33.9 s after its injection")


def test_a_fault_that_lapsed_cannot_make_the_cluster_fail_and_excuses_no_lost_write(run):
    late = ({"name": "At once", "metric": "rto_ms", "op": "<=", "wanted": 5},)
    lapsed = ((12.34, "lapsed"),)
    verdict = judge(run(expectations=late, looks=lapsed))
    assert verdict["verdict"] == "unknown"
    assert said(verdict, "which shows nothing because the fault did not last")
    assert judge(run(lost_probe=(11,), looks=lapsed))["verdict"] == "fail"


def test_a_host_not_clean_after_healing_is_unknown_it_is_a_claim_about_us(run):
    verdict = judge(run(is_clean=False))
    assert verdict["verdict"] == "unknown"
    assert said(verdict, "power_cut of db1: wanted a clean host after healing, found a qdisc 7ead: is still on eth0.")


def test_a_host_never_proven_clean_is_unknown(run):
    assert judge(run(is_clean=None))["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("knobs", "wanted", "words"),
    [
        ({"steady_after_ok": False}, "fail", "Steady state after: wanted a healthy cluster, found no leader"),
        ({"steady_before_ok": False}, "unknown", "Steady state before: wanted a healthy cluster"),
        ({"steady_before_ok": None}, "unknown", "Steady state before: wanted an observation"),
        ({"steady_after_ok": None}, "unknown", "Steady state after: wanted an observation"),
        ({"end_ok": False}, "unknown", "The run: wanted it to complete, found interrupted."),
        ({"end_ok": None}, "unknown", "The run: wanted it to complete, found no end event."),
        ({"expectations": ()}, "unknown", "leader_power_cut: states no expectations"),
    ],
)
def test_the_run_itself_must_be_in_order(run, knobs, wanted, words):
    verdict = judge(run(**knobs))
    assert verdict["verdict"] == wanted
    assert said(verdict, words)


def test_a_run_without_a_fault_is_unknown(run):
    verdict = judge([e for e in run() if e["kind"] != "fault"])
    assert (verdict["verdict"], verdict["rto_ms"], verdict["fault_at"]) == ("unknown", None, None)


def test_a_failure_outranks_what_is_unknown_and_is_named_first(run):
    verdict = judge(run(lost_probe=(11,), without=("members",)))
    assert verdict["verdict"] == "fail"
    assert verdict["why"][0].startswith("No acknowledged write is lost")
    assert verdict["why"][1].startswith("members: ")


# -- expectations ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "op", "wanted", "verdict"),
    [
        ("phases.detect_ms", "<=", 18620, "pass"),
        ("phases.detect_ms", "<=", 18619, "fail"),
        ("acked", ">=", 1000, "pass"),
        ("acked", ">=", 10**9, "fail"),
        ("lost", "!=", 0, "fail"),
        ("leader_after", "==", "db2", "pass"),
        ("leader_after", "is", "leader_before", "fail"),
        ("timeline_after", "is", 2, "pass"),
        ("timeline_after", "is", True, "fail"),
        ("steady_after", "is", True, "pass"),
        ("steady_after", "is", None, "unknown"),
        ("no_such_figure", "==", 0, "unknown"),
        ("phases.no_such", "==", 0, "unknown"),
        ("rto_ms.detect", "==", 0, "unknown"),
        ("rto_ms", "<", 0, "unknown"),
        ("rto_ms", "<=", "soon", "unknown"),
        ("leader_after", "<=", 3, "unknown"),
    ],
)
def test_compares(run, metric, op, wanted, verdict):
    judged = judge(run(expectations=({"name": "It", "metric": metric, "op": op, "wanted": wanted},)))
    assert judged["expectations"][0]["verdict"] == judged["verdict"] == verdict
    assert judged["why"][0].startswith(f"It: wanted {metric} {op} ")


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("rto_ms", 21034.2, "21.03 s"),
        ("rto_ms", 999.7, "1000 ms"),
        ("rto_ms", 2.04, "2.04 ms"),
        ("acked", 12345, "12,345"),
        ("steady_after", False, "no"),
        ("rto_ms", None, "not observed"),
    ],
)
def test_figures_have_units(metric, value, text):
    assert text_of(metric, value) == text


# -- events that break the contract ----------------------------------------------------------------------


def test_loads_what_was_written(run, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(e) + "\n" for e in run()))
    assert judge(load_events(path)) == judge(run())


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"t": 1, "source": "write_probe", "ki', "not a JSON object"),
        ("[1, 2]", "wanted an object, found list"),
        ('{"t": 1.5, "source": "x", "kind": "y"}', "'t' cannot be 1.5, wanted a time in nanoseconds"),
        ('{"t": 1, "source": "x"}', "has no field 'kind'"),
        ('{"t": 1, "source": "leadership", "kind": "sync"}', "leadership sync has no field 'standbys'"),
        (
            '{"t": 1, "source": "write_probe", "kind": "write", "id": 1, "start": 1, "outcome": "ok"}',
            "'outcome' cannot be 'ok', wanted failed or unknown or acked",
        ),
        (
            '{"t": 1, "source": "write_probe", "kind": "write", "id": 1, "start": 2, "outcome": "acked"}',
            "'start' is 2, after it ended at 1",
        ),
    ],
)
def test_a_broken_line_is_refused_by_its_number(tmp_path, line, words):
    path = tmp_path / "events.jsonl"
    path.write_text('{"t": 1, "source": "new", "kind": "thing"}\n' + line + "\n")
    with pytest.raises(ValueError, match="events.jsonl:2: ") as raised:
        load_events(path)
    assert words in str(raised.value)


def test_a_broken_event_gives_no_verdict(run):
    events = run()
    events[40] = {"t": events[40]["t"], "source": "runner", "kind": "end", "ok": None}
    with pytest.raises(ValueError, match="event 41: 'ok' cannot be None, wanted a boolean"):
        judge(events)


@pytest.mark.parametrize("runs", [0, 2])
def test_wants_one_run(run, runs):
    events = run()
    first = [e for e in events if e["kind"] == "run"]
    with pytest.raises(ValueError, match=f"found {runs} `run` lines"):
        judge(first * runs + [e for e in events if e["kind"] != "run"])


def test_wants_a_format_it_knows(run):
    with pytest.raises(ValueError, match="wanted events of format 1 or 2, found 3"):
        judge(run(run={"format": 3}))


def test_ignores_what_it_does_not_know(run):
    extra = {"t": 5, "source": "weather", "kind": "rain", "host": None}
    assert judge([*run(), extra, extra | {"source": "runner"}]) == judge(run())


# -- a judge that fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["find", "judge"])
def test_a_crash_of_the_judge_is_unknown_with_its_traceback(run, monkeypatch, part):
    def crash(_):
        raise RuntimeError("cannot happen")

    monkeypatch.setattr(judging, part, crash)
    found = assess(run())
    assert (found.verdict.verdict, found.verdict.rto_ms) == ("unknown", None)
    assert (found.verdict.experiment, found.verdict.seed) == ("leader_power_cut", 7)
    assert said(found.verdict.to_json(), "The judge: ", "RuntimeError: cannot happen", "defect of Firedrill")
    assert "in crash" in found.verdict.notes[0]
    assert (found.findings is None) == (part == "find")


# -- a run repeated --------------------------------------------------------------------------------------


def test_sums_up_with_the_worst_verdict_and_the_spread(run):
    verdicts = [judge_events(run(seed=seed)) for seed in (1, 2)] + [judge_events(run(without=("write_probe",)))]
    summary = summarise(verdicts).to_json()
    rto = sorted(verdict.rto_ms for verdict in verdicts[:2])
    assert (summary["verdict"], summary["runs"]) == ("unknown", 3)
    assert summary["verdicts"] == {"pass": 2, "unknown": 1, "fail": 0}
    middle = pytest.approx(sum(rto) / 2)
    assert summary["rto_ms"] == {"min": rto[0], "median": middle, "max": rto[1], "observed": 2, "runs": 3}
    assert summary["phases"]["detect_ms"]["median"] == 18620.0
    assert summary["lost"] is None


def test_sums_up_lost_writes_and_two_primaries(run):
    knobs = ({}, {"lost_probe": (11,)}, {"second_primary": (44.0, 46.0)})
    summary = summarise([judge_events(run(**knob)) for knob in knobs]).to_json()
    assert (summary["verdict"], summary["lost"], summary["dual_primary_ms"]) == ("fail", 1, 1998.0)
    assert [why[:8] for why in summary["why"]] == ["Run 2: N", "Run 3: N"]


def test_sums_up_one_experiment_only(run):
    with pytest.raises(ValueError, match="wanted the verdicts of one experiment, found a, b"):
        summarise([judge_events(run(run={"experiment": name})) for name in "ba"])
    with pytest.raises(ValueError, match="found none"):
        summarise([])


# -- a run that broke off, a cluster that is left changed ------------------------------------------------


def cut_short(events):
    return [
        e | {"ok": False, "detail": "KeyError: 'x'", "steps_done": False} if e["kind"] == "end" else e for e in events
    ]


def test_steps_that_were_cut_short_excuse_what_fell_short(run):
    """It was healed early: writes that came back late, or not at all, say nothing about the cluster."""
    verdict = judge(cut_short(run(back=False, steady_after_ok=True)))
    assert verdict["verdict"] == "unknown"
    assert by_name(verdict, "rto_ms")["verdict"] == "unknown"
    assert said(verdict, "rto_ms", "which shows nothing because the steps were cut short")
    assert said(verdict, "KeyError: 'x'")


def test_steps_that_were_cut_short_never_excuse_a_lost_write(run):
    verdict = judge(cut_short(run(lost_probe=(11,))))
    assert (verdict["verdict"], verdict["lost"]) == ("fail", 1)


def test_settings_that_were_not_restored_are_the_first_sentence(run):
    events = run(lost_probe=(11,))
    end = next(e for e in events if e["kind"] == "end")
    changed = end | {"kind": "settings", "phase": "not_restored", "before": {"ttl": 40}, "after": {"ttl": 20}}
    changed |= {"detail": "db1: 503"}
    verdict = judge([*events, changed])
    assert verdict["verdict"] == "fail"
    assert verdict["why"][0].startswith('The cluster is left changed: wanted the settings {"ttl": 20} restored')
    assert judge([*run(), changed])["verdict"] == "unknown"
    restored = changed | {"phase": "restored", "t": changed["t"] + 1}
    assert judge([*run(), changed, restored])["verdict"] == "pass"
