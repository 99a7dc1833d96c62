"""Whether alerts were delivered in time: what counts as proof, what is missing, what is not observed."""

import json
from typing import Any

import jsonschema
import pytest

from firedrill.experiments.judge import schema
from firedrill.experiments.judge.alerts import alerts
from firedrill.experiments.judge.basis import basis
from firedrill.experiments.judge.recording import record
from firedrill.experiments.judge.verdict import judge_events

SECOND = 1_000_000_000
ZERO = 1_795_000_000 * SECOND
WANTED = {"name": "HostDown", "within_ms": 30_000, "step": 1, "host": "hit"}
ON_DB1 = {"alertname": "HostDown", "host": "db1"}
MONITORS = ("mon1",)


def at(seconds: float, source: str, kind: str, host: str | None = None, **fields: Any) -> dict:
    return {"t": ZERO + round(seconds * SECOND), "source": source, "kind": kind, "host": host, **fields}


def run(*more: dict, expected=(WANTED,), monitors=MONITORS, end: float = 60.0, **fields: Any) -> list[dict]:
    """A run whose first step cuts the power of db1 from 0 s to 40 s, and what its monitoring showed in addition."""
    names = [{"name": name, "address": f"10.0.0.{n}"} for n, name in enumerate(("db1", "db10", *MONITORS), 1)]
    told = {"id": 1, "fault": "power_cut", "target": "leader"}
    fields = {"delivery": "received", "alerts": list(expected)} | fields
    events = [
        at(-20, "runner", "run", format=2, system="one", experiment="e", title="E", profile={}, topology=names,
           databases=["db1", "db10"], coordinators=[], proxies=[], tiers=[], observers=[], expectations=[], **fields),
        at(-15, "runner", "steady", phase="before", ok=True),
        at(-0.1, "runner", "step", text="cut"),
        *(at(t, "runner", "fault", "db1", phase=phase, **told)
          for t, phase in ((0, "inject"), (1, "effective"), (40, "heal"), (42, "clean"))),
        at(50, "runner", "steady", phase="after", ok=True),
        at(end, "runner", "end", ok=True),
    ]  # fmt: skip
    for monitor in monitors:
        for second in range(-15, round(end)):
            events += [
                at(second, "alerts", "poll", monitor, part=part, reachable=True) for part in ("rules", "notifier")
            ]
            if second % 3 == 0:
                start = ZERO + (second - 0.1) * SECOND
                events.append(at(second, "alerts", "receiver", monitor, listening=True, start=round(start)))
    return [*events, *more]


def rule(seconds: float, state: str, labels=ON_DB1, host: str = "mon1") -> dict:
    name = labels["alertname"]
    return at(seconds, "alerts", "alert", host, part="rules", alert=name, labels=labels, state=state)


def listed(seconds: float, state: str, labels=ON_DB1) -> dict:
    name = labels["alertname"]
    return at(seconds, "alerts", "alert", "mon1", part="notifier", alert=name, labels=labels, state=state)


def sent(seconds: float, status: str = "firing", labels=ON_DB1, host: str = "mon1") -> dict:
    return at(seconds, "alerts", "notification", host, alert=labels["alertname"], labels=labels, status=status)


GOOD = (rule(8, "pending"), rule(13, "firing"), rule(48, "ended"), sent(13.4), sent(49, "resolved"))


def judged(*more: dict, **fields: Any):
    return alerts(basis(record(run(*more, **fields))))


def only(*more: dict, **fields: Any):
    found = judged(*more, **fields)
    (reason,) = found.reasons
    return reason, found.rows[0]


def test_each_stage_has_its_delay_after_the_fault():
    (verdict, text), row = only(*GOOD)
    assert (verdict, row.verdict, row.host, row.asked) == ("pass", "pass", "db1", "expected")
    assert (row.pending_ms, row.fired_ms, row.delivered_ms, row.resolved_ms) == (8000, 13_000, 13_400, 49_000)
    assert text == "HostDown of db1: wanted it delivered within 30.00 s of the fault, found it delivered after 13.40 s."


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ((), "found that it was not raised."),
        ((rule(8, "pending"), rule(12, "ended")), "was pending after 8.00 s and did not fire."),
        ((rule(8, "pending"), rule(13, "firing")), "fired after 13.00 s and was not delivered."),
        ((*GOOD[:2], sent(35)), "was delivered after 35.00 s."),
        # Of another host, whose name begins the same.
        (
            (rule(13, "firing", ON_DB1 | {"host": "db10"}), sent(14, labels=ON_DB1 | {"host": "db10"})),
            "was not raised.",
        ),
        # Another alert.
        (
            (rule(13, "firing", ON_DB1 | {"alertname": "X"}), sent(14, labels=ON_DB1 | {"alertname": "X"})),
            "not raised.",
        ),
    ],
)
def test_one_that_is_not_delivered_in_time_fails_by_name(shown, found):
    (verdict, text), row = only(*shown)
    assert (verdict, row.verdict) == ("fail", "fail")
    assert text.startswith("HostDown of db1: wanted it delivered within 30.00 s")
    assert text.endswith(found)


@pytest.mark.parametrize("label", ["db1", "db1:9100", "10.0.0.1:9100", "https://10.0.0.1:8008/metrics"])
def test_a_host_is_named_by_its_name_or_its_address(label):
    labels = {"alertname": "HostDown", "instance": label}
    assert only(rule(9, "firing", labels), sent(10, labels=labels))[0][0] == "pass"


def test_one_that_fired_before_the_fault_proves_nothing():
    (verdict, text), row = only(rule(-9, "firing"), sent(-8), sent(20))
    assert (verdict, row.delivered_ms) == ("unknown", None)
    assert text.endswith("found that it was active before, which shows nothing.")
    assert only(rule(-9, "firing"), sent(3))[0][0] == "unknown", "delivered after the fault, active before"


def test_one_that_ended_and_fires_again_counts():
    before = (rule(-14, "firing"), sent(-14), rule(-5, "ended"), sent(-4, "resolved"))
    (verdict, _), row = only(*before, *GOOD)
    assert (verdict, row.delivered_ms) == ("pass", 13_400)


def silent(events: list[dict], begin: float, end: float, kind: str, part: str | None = None) -> list[dict]:
    """Without these samples."""

    def kept(event: dict) -> bool:
        inside = ZERO + begin * SECOND < event["t"] < ZERO + end * SECOND
        return not (inside and event["kind"] == kind and event.get("part") == part)

    return [event for event in events if kept(event)]


@pytest.mark.parametrize(
    ("kind", "part", "who"),
    [("receiver", None, "the receiver of mon1"), ("poll", "rules", "the rules of mon1"),
     ("poll", "notifier", "the notifier of mon1")],
)  # fmt: skip
def test_who_did_not_look_cannot_call_it_missing(kind, part, who):
    events = silent(run(), 2, 20, kind, part)
    found = alerts(basis(record(events)))
    assert found.reasons[0][0] == "unknown"
    assert f"which shows nothing because {who} was not observed throughout" in found.reasons[0][1]
    assert found.unexpected is None
    short = alerts(basis(record(silent(run(), 2, 9, kind, part))))
    assert short.reasons[0][0] == "fail", "a gap of less than 10 s is none"


@pytest.mark.parametrize(
    "blind",
    [
        [
            at(t, "alerts", "receiver", "mon1", listening=False, start=ZERO + t * SECOND, error="refused")
            for t in (4, 5)
        ],
        [at(t, "alerts", "poll", "mon1", part="rules", reachable=False, error="refused") for t in (4, 4.5)],
    ],
)
def test_a_receiver_that_was_cut_off_makes_it_unknown(blind):
    (verdict, text), _ = only(rule(8, "pending"), rule(13, "firing"), *blind)
    assert (verdict, "was not observed throughout" in text) == ("unknown", True)
    (verdict, _), _ = only(*GOOD, *blind)
    assert verdict == "pass", "what was delivered was delivered"


def test_nothing_recorded_at_all_is_unknown():
    (verdict, text), _ = only(monitors=())
    assert verdict == "unknown"
    assert "the run ended" in text


def test_a_monitoring_that_never_answered_is_unknown():
    never = [at(t, "alerts", "poll", "mon1", part="rules", reachable=False) for t in range(-10, 60)]
    (verdict, text), _ = only(*never, monitors=())
    assert verdict == "unknown"
    assert "the notifier of the monitoring was not observed" in text


def test_a_run_that_ends_before_the_deadline_shows_nothing():
    (verdict, text), _ = only(expected=[WANTED | {"within_ms": 90_000}])
    assert verdict == "unknown"
    assert "the run ended 59.00 s later" in text


def test_a_fault_without_proof_shows_nothing():
    events = [event for event in run() if event.get("phase") != "effective"]
    found = alerts(basis(record(events)))
    assert found.reasons[0] == ("unknown", found.reasons[0][1])
    assert "the fault was not proven effective" in found.reasons[0][1]


def test_a_step_that_injected_nothing_makes_it_unknown():
    (verdict, text), _ = only(expected=[WANTED | {"step": 2}])
    assert (verdict, "none was injected" in text) == ("unknown", True)


def test_an_optional_one_is_listed_and_never_missing():
    asked = [WANTED | {"optional": True}]
    assert judged(expected=asked).reasons == ()
    (row,) = judged(*GOOD, expected=asked).rows
    assert (row.asked, row.verdict, row.delivered_ms) == ("optional", None, 13_400)


@pytest.mark.parametrize(
    ("limit", "shown", "verdict"),
    [(10_000, GOOD, "pass"), (5_000, GOOD, "fail"), (15_000, GOOD[:-1], "fail"), (25_000, GOOD[:-1], "unknown")],
)
def test_its_resolution_can_be_expected_too(limit, shown, verdict):
    found = only(*shown, expected=[WANTED | {"resolved_within_ms": limit}])
    assert found[0][0] == verdict


def test_others_that_fired_are_listed():
    other = {"alertname": "ProxyDown", "host": "db10"}
    noise = {"alertname": "Noise", "host": "db10"}
    found = judged(*GOOD, rule(5, "firing", other), sent(6, labels=other), rule(9, "pending", noise))
    (row,) = found.rows[1:]
    assert (row.name, row.host, row.asked, row.verdict) == ("ProxyDown", "db10", "not expected", None)
    assert (row.fired_ms, row.delivered_ms) == (5000, 6000)
    assert (found.unexpected, found.delivered) == (1, 2)


def test_the_expected_alert_of_another_host_is_not_expected():
    other = ON_DB1 | {"host": "db10"}
    found = judged(*GOOD, rule(5, "firing", other))
    assert [(row.name, row.host) for row in found.rows[1:]] == [("HostDown", "db10")]


def test_one_that_is_always_active_is_no_surprise():
    always = {"alertname": "Always"}
    found = judged(*GOOD, rule(-14, "firing", always), sent(-14, labels=always), sent(20, labels=always))
    assert (found.unexpected, len(found.rows), found.delivered) == (0, 1, 1)


def test_suppressed_ones_are_counted():
    other = {"alertname": "ReplicaLost", "host": "db1"}
    found = judged(*GOOD, rule(9, "firing", other), listed(9.5, "suppressed", other))
    assert (found.suppressed, found.delivered, found.unexpected) == (1, 1, 1)


# -- two monitors ----------------------------------------------------------------------------------------


def two(*more: dict, **fields: Any):
    return alerts(basis(record(run(*more, monitors=("mon1", "db1"), **fields))))


def test_one_of_two_monitors_is_enough_to_deliver():
    assert two(rule(13, "firing"), sent(14)).reasons[0][0] == "pass"


def test_a_monitor_without_power_is_no_gap_and_the_other_must_tell():
    off = silent(silent(run(monitors=("mon1", "db1")), 0, 40, "receiver"), 0, 40, "poll", "rules")
    off = [event for event in off if event["host"] == "mon1" or event["source"] != "alerts" or event["t"] < ZERO]
    on = [event for event in run(monitors=("mon1",)) if event["source"] == "alerts"]
    found = alerts(basis(record([*off, *on])))
    assert found.reasons[0][0] == "fail", found.reasons


# -- a notifier that lists, without a receiver -----------------------------------------------------------


def test_without_a_receiver_it_is_delivered_when_the_notifier_lists_it():
    events = silent(
        run(rule(13, "firing"), listed(14, "active"), listed(45, "ended"), delivery="listed"), -99, 99, "receiver"
    )
    found = alerts(basis(record(events)))
    assert found.reasons[0][0] == "pass"
    assert (found.rows[0].delivered_ms, found.rows[0].resolved_ms) == (14_000, 45_000)


def test_a_suppressed_one_is_not_delivered():
    events = silent(run(rule(13, "firing"), listed(14, "suppressed"), delivery="listed"), -99, 99, "receiver")
    assert alerts(basis(record(events))).reasons[0][0] == "fail"


# -- the verdict -----------------------------------------------------------------------------------------


def test_without_a_monitoring_there_is_no_part_about_alerts():
    found = judged(*GOOD, delivery=None)
    assert (found.observed, found.rows, found.reasons, found.unexpected) == (False, (), (), None)


@pytest.mark.parametrize(("shown", "word"), [(GOOD, "pass"), ((), "fail")])
def test_the_verdict_on_a_run_holds_them(shown, word):
    steady = [{"name": "healthy", "metric": "steady_after", "op": "is", "wanted": True}]
    found = judge_events(_with(run(*shown), expectations=steady))
    assert found.verdict == word, found.why
    assert [row.verdict for row in found.alerts] == [word]
    content = json.loads(json.dumps(found.to_json()))
    jsonschema.validate(content, json.loads(schema.shipped()))
    assert schema.Verdict.from_json(content) == found


def _with(events: list[dict], **fields: Any) -> list[dict]:
    return [events[0] | fields, *events[1:]]


def quiet(*more: dict) -> list[dict]:
    events = [event for event in run(*more, expected=()) if event["kind"] != "fault"]
    asked = [{"name": "no alert", "metric": "alerts_unexpected", "op": "==", "wanted": 0}]
    return _with(events, quiet=True, expectations=asked)


def test_a_run_without_a_fault_passes_if_no_alert_fires():
    assert judge_events(quiet()).verdict == "pass"


@pytest.mark.parametrize("begin", [-14, 20])
def test_and_fails_for_any_that_fires(begin):
    found = judge_events(quiet(rule(begin, "firing")))
    assert (found.verdict, found.alerts_unexpected) == ("fail", 1)
    assert [row.name for row in found.alerts] == ["HostDown"]


def test_and_is_unknown_where_nobody_looked():
    assert judge_events(silent(quiet(), 2, 20, "receiver")).verdict == "unknown"


def test_an_experiment_with_faults_still_needs_one():
    events = [event for event in run(*GOOD) if event["kind"] != "fault"]
    assert judge_events(events).verdict == "unknown"
