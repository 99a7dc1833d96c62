"""Members that nobody watched, and the cluster's own modes: what they leave unknown, and what they do not excuse."""

import pytest

from firedrill.experiments.judge.verdict import judge_events

SAFE = tuple(
    {"name": metric, "metric": metric, "op": "==", "wanted": 0} for metric in ("lost", "dual_primary_ms", "diverged")
)


@pytest.fixture
def judged(builder):
    """The verdict on a run with further events; `run` are further fields of its first event."""

    def judge(*further, run=None, **knobs):
        events = builder.power_cut_run(expectations=SAFE, run=run or {}, **knobs)
        return judge_events(sorted([*events, *further], key=lambda event: event["t"]))

    return judge


def figures(verdict):
    return verdict.lost, verdict.dual_primary_ms, verdict.diverged


def test_a_run_that_watched_every_member_passes(judged, builder):
    seen = builder.event(-14, "leadership", "cluster", members=["db1", "db2", "db3"], cannot_lead=[], modes=[])
    verdict = judged(seen, run={"unwatched": [], "cannot_lead": []})
    assert (figures(verdict), verdict.verdict, verdict.unwatched) == ((0, 0, 0), "pass", ())


def test_a_member_that_the_inventory_leaves_out_leaves_safety_unknown(judged):
    verdict = judged(run={"unwatched": ["pg-x"]})
    assert (figures(verdict), verdict.verdict, verdict.unwatched) == ((None, None, None), "unknown", ("pg-x",))
    assert verdict.why[0].startswith("pg-x is a member of the cluster and was not watched")


def test_so_does_one_that_joins_during_the_run(judged, builder):
    joined = builder.event(5, "leadership", "cluster", members=["db1", "db2", "pg-x"], cannot_lead=[], modes=[])
    left = builder.event(9, "leadership", "cluster", members=["db1", "db2"], cannot_lead=[], modes=[])
    assert figures(judged(joined, left)) == (None, None, None)


def test_one_that_is_there_in_the_end_only(builder):
    events = builder.power_cut_run(expectations=SAFE)
    last = next(event for event in reversed(events) if event["kind"] == "steady")
    last["unwatched"] = ["pg-x"]
    assert judge_events(events).unwatched == ("pg-x",)


def test_and_one_that_held_the_leadership(judged, builder):
    promoted = builder.event(12, "leadership", "leadership", holder="pg-x", epoch=2)
    assert judged(promoted).unwatched == ("pg-x",)


def test_a_member_that_never_leads_leaves_nothing_unknown(judged, builder):
    seen = builder.event(5, "leadership", "cluster", members=["db1", "dr"], cannot_lead=["dr"], modes=[])
    verdict = judged(seen, run={"unwatched": ["dr"], "cannot_lead": ["dr"]})
    assert (figures(verdict), verdict.verdict) == ((0, 0, 0), "pass")


def test_unless_it_may_lead_later(judged, builder):
    seen = builder.event(5, "leadership", "cluster", members=["db1", "dr"], cannot_lead=[], modes=[])
    assert judged(seen, run={"unwatched": ["dr"], "cannot_lead": ["dr"]}).unwatched == ("dr",)


def test_what_was_found_stays_found(judged):
    verdict = judged(run={"unwatched": ["pg-x"]}, second_primary=(30, 33), lost_probe=(3,))
    assert (verdict.lost, verdict.verdict) == (1, "fail")
    assert verdict.dual_primary_ms > 0


# -- the cluster's own modes -----------------------------------------------------------------------------


def paused(builder, at=3.0):
    return builder.event(at, "leadership", "cluster", members=[], cannot_lead=[], modes=["paused"])


def test_a_cluster_that_is_paused_meanwhile_is_the_cause(builder):
    """It does not fail over then, so that writes that stay away show nothing."""
    back = {"name": "writes return", "metric": "rto_ms", "op": "<=", "wanted": 24_000}
    events = builder.power_cut_run(back=False, expectations=(back, *SAFE))
    assert judge_events(events).verdict == "fail"
    verdict = judge_events(sorted([*events, paused(builder)], key=lambda event: event["t"]))
    assert verdict.verdict == "unknown"
    assert verdict.why[0] == "The cluster was paused from +3.00 s: it does not fail over then."
    assert any("shows nothing because the cluster was paused" in reason for reason in verdict.why)


def test_that_excuses_no_lost_write(judged, builder):
    assert judged(paused(builder), lost_probe=(3,)).verdict == "fail"


def test_a_run_that_would_pass_is_unknown(judged, builder):
    assert judged(paused(builder)).verdict == "unknown"
