"""The sentences and turning points of a report: each comes from the figures."""

from dataclasses import replace

import pytest

from firedrill.experiments.judge.prediction import Terms
from firedrill.experiments.judge.schema import Fence
from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report.clock import Clock
from firedrill.experiments.report.sentences import analysis, fence_sentence, prediction_sentence
from firedrill.experiments.report.turning_points import turns


@pytest.fixture(scope="module")
def run(builder):
    return builder.power_cut_run


def said(events):
    found = assess(events)
    return " ".join(analysis(found.findings, found.verdict, Clock(found.verdict.fault_at)))


def test_the_analysis_is_made_from_the_figures(run):
    text = said(run())
    for words in (
        "Writes were unavailable for 21.10 s: the last write was acknowledged at +0.00 s, the next one at +21.10 s.",
        "detecting the failure took 18.62 s (88 %)",
        "The timing model predicts a write outage of 20.10 s to 23.40 s",
        "; the measured 21.10 s is within this range.",
        "none is missing from the tables",
        "No two nodes accepted writes at the same time.",
        "did not succeed. The longest wait was 5.00 s, for a POST that was due at",
        "with db2 as leader",
    ):
        assert words in text


def test_a_prediction_is_explained_by_its_terms(run):
    found = assess(run())
    terms = Terms({"lease": (18_000.0, 20_000.0), "promotion": (100.0, 400.0)})
    text = prediction_sentence(replace(found.findings, prediction_terms=terms), found.verdict)
    assert "20.10 s to 23.40 s (lease 18.00 s to 20.00 s, promotion 100 ms to 400 ms); the measured" in text


@pytest.mark.parametrize(
    ("late", "blamed"),
    [
        ({"new_key": 28.7, "promoted": 28.86, "routed": 29.03}, "promoting a new leader took"),
        ({"routed": 29.03}, "rerouting clients took"),
        ({"key_gone": 26.0, "new_key": 28.1, "promoted": 28.26, "routed": 28.4}, "detecting the failure took"),
    ],
)
def test_where_a_prediction_fails_the_phase_that_took_longer_is_named(run, late, blamed):
    found = assess(run(**late))
    text = prediction_sentence(found.findings, found.verdict)
    assert f"longer: {blamed}" in text and ", expected " in text


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"lost_probe": (11, 12)}, "2 are missing from the tables: probe 11, probe 12."),
        ({"lost_probe": tuple(range(1, 15))}, "probe 10 and 4 more."),
        (
            {"second_primary": (44.0, 46.0)},
            "db1 and db2 both accepted writes from +44.00 s on; two primaries for 2.00 s",
        ),
        ({"back": False}, "Writes never recovered: the last write was acknowledged at +0.00 s"),
        ({"without": ("write_probe",)}, "The length of the write outage was not observed."),
        ({"without": ("node_probe",)}, "Whether two nodes accepted writes at the same time was not fully observed."),
        (
            {"key_gone": 5.0, "new_key": 7.0, "promoted": 7.2, "routed": 7.3},
            " s shorter: detecting the failure took 5.00 s",
        ),
        ({"without": ("users",)}, "not fully observed"),
    ],
)
def test_the_analysis_says_what_went_wrong(run, knobs, words):
    assert words in said(run(**knobs))


def test_a_fault_without_a_failover_is_reported_as_such(run, builder):
    events = [e for e in run() if not (e["kind"] == "leadership" and e["t"] > builder.FAULT_AT)]
    assert "db1 kept the leadership: no failover took place." in said(events)


def test_turning_points_are_in_order(run):
    found = [turn.text for turn in turns(assess(run()).findings) if turn.main]
    assert found == [
        "power cut of db1 injected",
        "leadership released",
        "leadership moved to db2",
        "db2 accepted its first write",
        "writes acknowledged again",
        "user traffic back at 95 % of its baseline",
        "power cut of db1: host clean",
        "steady state reached",
    ]


@pytest.mark.parametrize(
    ("providers", "words"),
    [
        ({"db1": "nspawn"}, "this run cannot show the loss of writes"),
        ({"db1": "uml"}, "would be lost"),
        ({"db2": "uml"}, "db1: not created by this lab."),
    ],
)
def test_a_power_cut_says_what_the_kind_of_host_can_show(run, providers, words):
    assert words in said(run(run={"providers": providers}))


def test_without_a_power_cut_nothing_is_said_of_the_page_cache(run):
    events = run(run={"providers": {"db1": "nspawn"}})
    assert "page cache" not in said([e | {"fault": "kill"} if e["kind"] == "fault" else e for e in events])


@pytest.mark.parametrize(
    ("fence", "words"),
    [
        (None, ""),
        (Fence(), "What the fence decided was not fully observed."),
        (Fence(released=0, declined=0), "The fence ended no leadership."),
        (Fence(released=0, declined=3), "The fence ended no leadership. It declined 3 times."),
        (Fence(released=1, decide_ms=1600.0), "The fence ended the old leadership 1.60 s after the fault."),
        (Fence(released=2), "The fence ended a leadership 2 times."),
    ],
)
def test_what_the_fence_did_is_a_sentence(run, fence, words):
    assert fence_sentence(replace(assess(run()).verdict, fence=fence)) == words
