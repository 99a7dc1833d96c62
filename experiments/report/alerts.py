"""The alerts of a run in its report: a sentence, a table of delays, turning points, a panel over time."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from firedrill.experiments.judge.facts import AlertTimes
from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.schema import Alert, Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.axes import head, rows_of
from firedrill.experiments.report.series import View

MOST = 12  # rows of the panel
NARROW_NAME = 9  # characters of a name on a narrow screen


def title(row: Alert) -> str:
    return f"{row.name} of {row.host}" if row.host else row.name


def sentence(findings: Findings, verdict: Verdict) -> str:
    """What became of the expected alerts, and of others."""
    if not findings.alerts.observed:
        return "The cluster has no monitoring, or it was left out: no alert was judged."
    asked = [row for row in verdict.alerts if row.verdict]
    held = [row for row in asked if row.verdict == "pass" and row.delivered_ms is not None]
    found = f"Of {len(asked)} expected alerts, {len(held)} were delivered in time" if asked else "No alert was expected"
    if held:
        slowest = max(held, key=lambda row: row.delivered_ms or 0)
        found += f", the slowest ({title(slowest)}) after {text_of('_ms', slowest.delivered_ms)}"
    if verdict.alerts_unexpected is None:
        return f"{found}; whether others fired was not fully observed."
    others = verdict.alerts_unexpected
    return f"{found}; {others or 'no'} other{'' if others == 1 else 's'} fired."


def table(verdict: Verdict) -> list[dict[str, str]]:
    """Each alert as a row: its delays after the fault, in words."""
    return [
        {"name": title(row), "asked": row.asked, "verdict": row.verdict or ""}
        | {"within": text_of("_ms", row.within_ms) if row.asked == "expected" else ""}
        | {stage: _text(getattr(row, f"{stage}_ms")) for stage in AlertTimes._fields}
        for row in verdict.alerts
    ]


def _text(value: float | None) -> str:
    return "–" if value is None else text_of("_ms", value)


def moments(findings: Findings) -> list[tuple[int, str, bool]]:
    """Each stage of each alert: when, what, whether it is its delivery."""
    return [
        (t, f"alert {title(row)}: {stage}", stage == "delivered")
        for row, times in zip(findings.alerts.rows, findings.alerts.times, strict=True)
        for stage, t in zip(AlertTimes._fields, times, strict=True)
        if t is not None
    ]


def shown(findings: Findings) -> list[tuple[Alert, AlertTimes]]:
    """The alerts that the panel has a row for: the expected ones, then the others."""
    return list(zip(findings.alerts.rows, findings.alerts.times, strict=True))[:MOST]


def panel(axes: Axes, view: View) -> None:
    """A row for each alert: pending, firing, a mark at its delivery, another at its resolution."""
    alerts = shown(view.findings)
    for row, (_, times) in enumerate(alerts):
        end = view.at(times.resolved) if times.resolved else view.limits[1]
        fired = view.at(times.fired) if times.fired else end
        if times.pending:
            _bar(axes, row, view.at(times.pending), min(fired, end), view.ink.starting)
        if times.fired:
            _bar(axes, row, fired, end, view.ink.unreachable)
        for t, mark in ((times.delivered, "v"), (times.resolved, "s")):
            if t is not None:
                axes.plot([view.at(t)], [row], mark, color=view.ink.ink, markersize=5, zorder=8)
    names = [title(alert)[:NARROW_NAME] if view.narrow else title(alert) for alert, _ in alerts]
    rows_of(axes, [""] * len(names))
    for row, name in enumerate(names):
        axes.text(view.limits[0], row - 0.02, f" {name}", color=view.ink.ink, va="center_baseline", zorder=7)
    handles: list[Any] = [
        Patch(color=view.ink.starting, label="pending"),
        Patch(color=view.ink.unreachable, label="firing"),
        Line2D([], [], color=view.ink.ink, marker="v", markersize=5, linestyle="", label="delivered"),
        Line2D([], [], color=view.ink.ink, marker="s", markersize=5, linestyle="", label="resolved"),
    ]
    head(axes, view, "Alerts", handles)


def _bar(axes: Axes, row: int, begin: float, end: float, colour: str) -> None:
    axes.barh(row, max(end - begin, 0.05), 0.62, begin, color=colour, zorder=2)
