"""Alerts in a report: the sentence, the table, the sequence of events, the plot."""

import pytest

from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report import alerts, page, timeline_plot
from firedrill.experiments.report.clock import Clock
from firedrill.experiments.report.turning_points import rows, turns

DOWN = {"alertname": "HostDown", "host": "db1"}
OTHER = {"alertname": "Odd|<b>", "host": "db3"}
WANTED = [{"name": "HostDown", "within_ms": 30_000, "step": 1, "host": "hit"}]


@pytest.fixture(scope="module")
def told(builder):
    """A run with a monitoring: HostDown is delivered and resolved, another alert only fires."""

    def made(*wanted: dict, **run):
        events = builder.power_cut_run(run={"delivery": "received", "alerts": list(wanted)} | run)
        for second in range(-14, 47):
            for part in ("rules", "notifier"):
                events.append(builder.event(second, "alerts", "poll", "mon1", part=part, reachable=True))
            start = builder.at(second - 0.1)
            events.append(builder.event(second, "alerts", "receiver", "mon1", listening=True, start=start))
        for second, state, labels in (
            (8, "pending", DOWN),
            (13, "firing", DOWN),
            (38, "ended", DOWN),
            (36, "firing", OTHER),
        ):
            more = {"part": "rules", "alert": labels["alertname"], "labels": labels, "state": state}
            events.append(builder.event(second, "alerts", "alert", "mon1", **more))
        for second, status in ((13.5, "firing"), (39, "resolved")):
            more = {"alert": "HostDown", "labels": DOWN, "status": status}
            events.append(builder.event(second, "alerts", "notification", "mon1", **more))
        return assess(sorted(events, key=lambda event: event["t"]))

    return made


@pytest.fixture(scope="module")
def found(told):
    return told(*WANTED)


def test_a_sentence_says_what_became_of_them(found, told, builder):
    text = "Of 1 expected alerts, 1 were delivered in time, the slowest (HostDown of db1) after 13.50 s; 1 other fired."
    assert alerts.sentence(found.findings, found.verdict) == text
    none = assess(builder.power_cut_run())
    assert "no alert was judged" in alerts.sentence(none.findings, none.verdict)
    assert none.verdict.alerts == ()


def test_each_is_a_row_of_delays(found):
    first, other = alerts.table(found.verdict)
    assert first == {
        "name": "HostDown of db1", "asked": "expected", "verdict": "pass", "within": "30.00 s",
        "pending": "8.00 s", "fired": "13.00 s", "delivered": "13.50 s", "resolved": "39.00 s",
    }  # fmt: skip
    assert (other["asked"], other["within"], other["delivered"]) == ("not expected", "", "–")


def test_each_stage_is_in_the_sequence_of_events(found):
    shown = rows(turns(found.findings), Clock(found.verdict.fault_at), {"db1"})
    texts = [row["text"] for row in shown if row["source"] == "alerts"]
    assert texts == [
        "Alert HostDown of db1: pending", "Alert HostDown of db1: fired", "Alert HostDown of db1: delivered",
        "Alert Odd|<b> of db3: fired", "Alert HostDown of db1: resolved",
    ]  # fmt: skip


def test_the_page_has_them_and_escapes_their_names(found, tmp_path):
    page.write_report(found.findings, found.verdict, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| HostDown of db1 | expected | 30.00 s | 8.00 s | 13.00 s | 13.50 s | 39.00 s | pass |" in text
    assert "Odd\\|&lt;b&gt; of db3" in text
    html = (tmp_path / "report.html").read_text()
    assert '<h2 id="alerts">Alerts</h2>' in html and "Odd|<b>" not in html


@pytest.mark.parametrize("narrow", [False, True])
def test_the_plot_has_a_panel_for_them_only_where_there_are_any(found, builder, narrow):
    def titles(findings):
        return [axes.get_title(loc="left") for axes in timeline_plot.figure(findings, narrow=narrow).axes]

    assert "Alerts" in titles(found.findings)
    assert "Alerts" not in titles(assess(builder.power_cut_run()).findings)
