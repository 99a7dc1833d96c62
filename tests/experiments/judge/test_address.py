"""Two holders of the floating address: found, ruled out, or not known."""

import pytest

from firedrill.experiments.judge.verdict import assess, judge_events

ONE = {"name": "never two holders", "metric": "dual_holder_ms", "op": "==", "wanted": 0}


@pytest.fixture
def judged(builder):
    """The verdict on a run of which each proxy holds the address in the given spans (s from the fault)."""

    def events(*, late=0.0, silent=None, **held):
        known = builder.power_cut_run(expectations=(ONE,))
        for row in (event for event in known if event["kind"] == "run"):
            row["observers"].append({"name": "address", "interval_ms": 1000, "hosts": ["lb1", "lb2"], "required": True})
        known.append(builder.event(-15, "runner", "observer", phase="start", name="address", interval_ms=1000))
        for host in ("lb1", "lb2"):
            begin, end = held.get(host, (0, 0))
            for at in builder.ticks(-15, 50, 0.2):
                mute = silent == host and 5 < at < 6
                fields = {"reachable": not mute, "holds": None if mute else begin <= at < end, "error": None}
                known.append(builder.event(at + late, "address", "holder", host, start=builder.at(at), **fields))
        return sorted(known, key=lambda event: event["t"])

    return events


def test_an_address_that_moves_has_one_holder(judged):
    verdict = judge_events(judged(lb1=(-20, 10), lb2=(10, 90)))
    assert (verdict.dual_holder_ms, verdict.expectations[0].verdict, verdict.verdict) == (0, "pass", "pass")


def test_two_holders_fail_with_when_and_how_long(judged):
    found = assess(judged(lb1=(-20, 90), lb2=(10, 14)))
    (split,) = found.verdict.dual_holder
    assert split.proxies == ("lb1", "lb2")
    assert (found.verdict.dual_holder_ms, found.verdict.verdict) == (pytest.approx(3800), "fail")
    assert [len(spans) for spans in found.findings.holding.values()] == [1, 1]


def test_two_holders_fail_even_where_one_proxy_was_not_seen_later(judged):
    assert judge_events(judged(lb1=(-20, 90), lb2=(0, 4), silent="lb2")).verdict == "fail"


def test_samples_that_arrive_late_prove_no_second_holder(judged):
    assert judge_events(judged(lb1=(-20, 10), lb2=(10, 90), late=0.5)).dual_holder_ms == 0


def test_a_proxy_that_does_not_answer_may_still_hold_it(judged):
    verdict = judge_events(judged(lb1=(-20, 90), silent="lb2"))
    assert (verdict.dual_holder_ms, verdict.verdict) == (None, "unknown")


def test_a_run_without_that_observer_says_nothing_about_it(builder):
    verdict = judge_events(builder.power_cut_run(expectations=(ONE,)))
    assert (verdict.dual_holder_ms, verdict.verdict) == (None, "unknown")


def test_an_answer_that_does_not_tell_is_no_answer(judged):
    events = judged(lb1=(-20, 90))
    for event in events:
        if event["source"] == "address" and event["host"] == "lb2":
            event["holds"] = None
    assert judge_events(events).dual_holder_ms is None


def test_an_address_that_nobody_ever_held_was_not_observed(judged):
    assert judge_events(judged()).dual_holder_ms is None


def test_a_proxy_that_the_observer_was_not_to_watch_may_hold_it(judged):
    events = [event for event in judged(lb1=(-20, 90)) if (event["source"], event["host"]) != ("address", "lb2")]
    next(row for row in events[0]["observers"] if row["name"] == "address")["hosts"] = ["lb1"]
    assert judge_events(events).verdict == "unknown"
