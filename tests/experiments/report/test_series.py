"""What the plots draw, from the events of a run."""

import pytest

from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report.page import picture
from firedrill.experiments.report.palette import LIGHT
from firedrill.experiments.report.series import View, counted, latencies, node_bands, proxy_bands, rates


@pytest.fixture(scope="module")
def run(builder):
    return builder.power_cut_run


def test_bands_follow_the_members(run):
    found = node_bands(View(assess(run()).findings, LIGHT, False))
    assert [band.state for band in found["db1"]] == ["primary", "unreachable", "starting", "replica"]
    assert [band.state for band in found["db2"]] == ["replica", "primary"]
    assert found["db2"][1].begin == pytest.approx(20.96)


def test_a_state_that_is_not_reported_again_ends(run):
    found = node_bands(View(assess(run(silent=(("members", "db3", 0.0, 20.0),))).findings, LIGHT, False))
    first, second = found["db3"]
    assert first.end < 6
    assert second.begin >= 20


def test_bands_follow_the_proxies(run):
    found = proxy_bands(View(assess(run()).findings, LIGHT, False))
    assert [band.state for band in found["lb2"]] == ["db1", "none", "db2"]


def test_the_rates_add_up_to_the_requests(run):
    events = run()
    view = View(assess(events).findings, LIGHT, False)
    edges, counts = rates(view)
    inside = [e for e in events if e.get("method") and edges[0] <= view.at(e["t"]) < edges[-1] + 1]
    assert sum(map(sum, counts.values())) == pytest.approx(len(inside))
    assert sum(counts["error"]) > 100


def test_without_users_the_probe_is_shown(run):
    events = run(without=("users",), run={"load": {"users": 0}})
    findings = assess(events).findings
    assert "Probe writes per second" in picture(findings, "narrow")
    _, counts = rates(View(findings, LIGHT, False))
    assert sum(counts["POST"]) > 1000
    assert sum(counts["error"]) > 100


def test_a_request_counts_from_when_it_was_due(run):
    events = [e | {"due": e["start"] - 3_000_000_000} if e.get("method") else e for e in run()]
    view = View(assess(events).findings, LIGHT, False)
    _, took = latencies(view, view.findings.requests, 0.5)
    assert min(took) > 3000


def test_retransmits_are_counted_by_host(run, builder):
    def counters(seconds, host, number):
        more = {"start": builder.at(seconds - 1), "reachable": True, "retransmits": number, "checksum_errors": 0}
        return builder.event(seconds, "tcp", "counters", host, **more)

    samples = [counters(2.0, "db2", 42), counters(3.0, "db2", 7), counters(2.0, "db1", 0)]
    events = sorted(run() + samples, key=lambda e: e["t"])
    findings = assess(events).findings
    assert counted(View(findings, LIGHT, False), "retransmits") == {"db2": ([1.5, 2.5], [42.0, 7.0])}
    assert "TCP segments per second" in picture(findings, "narrow")
