"""Excerpts of the hosts' logs on the page: at their turning point, readable, and escaped."""

import pytest

from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report.excerpts import bare
from firedrill.experiments.report.page import write_report


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-11-21 13:22:11,123 INFO: promoted", "INFO: promoted"),
        ("2026-11-21 13:22:11.123 UTC [7] LOG:  ready", "[7] LOG:  ready"),
        ('{"level":"warn","ts":"2026","caller":"x.go:1","msg":"lost","peer":"ab"}', "warn: lost (peer ab)"),
        ('{"level":"warn","msg":"cut', '{"level":"warn","msg":"cut'),
    ],
)
def test_a_line_is_shown_as_people_read_it(text, shown):
    assert bare(text) == shown


def said(builder):
    """Log events as a run records them, about the builder's run."""

    def line(seconds, host, unit, text, **more):
        return builder.event(seconds, "logs", "line", host, unit=unit, text=text, times=1, **more)

    near = {"turn": "the leader key is gone", "turn_t": builder.at(18.62)}
    return [
        builder.event(60, "logs", "clock", "db2", offset_ms=-1.5, error_ms=0.2),
        builder.event(60, "logs", "silent", "db3", error="db3 does not answer SSH: is it on?"),
        line(18.9, "db2", "patroni", "2026-11-18 11:06:58,900 INFO: promoted <self> to leader", **near),
        line(18.7, "db2", "patroni", "2026-11-18 11:06:58.700 UTC [12] LOG:  waiting", **near),
        builder.event(19.9, "logs", "left_out", "db2", lines=4),
    ]


def test_the_report_shows_them_at_their_turning_point(builder, tmp_path, without_pictures):
    events = sorted(builder.power_cut_run() + said(builder), key=lambda e: e["t"])
    found = assess(events)
    write_report(found.findings, found.verdict, tmp_path)
    page, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "INFO: promoted &lt;self&gt; to leader" in page
    assert "+18.90 s 11:06:58.900 db2 patroni: INFO: promoted <self> to leader" in text
    assert "(4 more lines were left out)" in text
    for word in ("db2’s clock was off by −1.5 ms (± 0.2).", "db3 did not answer"):
        assert word in page
        assert word in text
