"""A run repeated, for people: summary.html, summary.md and its picture."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firedrill.experiments.judge.verdict import text_of
from firedrill.experiments.report import other_plots, timeline_plot
from firedrill.experiments.report.page import SAYINGS, WORDS, headline, render


def write_summary(verdicts: Sequence[dict], summary: dict[str, Any], folder: Path) -> None:
    """Write summary.html, summary.md, summary.png for verdicts and `judge.summarise` of them into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    timeline_plot.png(other_plots.strip_plot(verdicts), folder / "summary.png")
    page = {
        "summary": summary,
        "word": WORDS[summary["verdict"]],
        "saying": SAYINGS[summary["verdict"]],
        "spreads": [*_spreads(summary, ("rto_ms", "read_outage_ms")), *_spreads(summary["phases"], summary["phases"])],
        "harm": {
            "lost": text_of("lost", summary["lost"]),
            "dual_primary_ms": "never"
            if summary["dual_primary_ms"] == 0
            else text_of("_ms", summary["dual_primary_ms"]),
        },
        "runs": [_run_row(number, verdict) for number, verdict in enumerate(verdicts, 1)],
    }
    drawn = other_plots.strip_plot(verdicts, timeline_plot.THEMED)
    more = {
        "picture": Markup(timeline_plot.svg(drawn, "strip", "Every run as a dot")),
        "light": timeline_plot.css(timeline_plot.LIGHT),
        "dark": timeline_plot.css(timeline_plot.DARK),
    }
    (folder / "summary.md").write_text(render("summary.md.j2", page), encoding="utf-8")
    (folder / "summary.html").write_text(render("summary.html.j2", page | more), encoding="utf-8")


def _spreads(found: Mapping[str, Any], names: Iterable[str]) -> list[dict[str, str]]:
    return [
        {"name": name, "observed": f"{found[name]['observed']} of {found[name]['runs']}"}
        | {key: text_of("_ms", found[name][key]) for key in ("min", "median", "max")}
        for name in names
    ]


def _run_row(number: int, verdict: dict[str, Any]) -> dict[str, str]:
    shown = {key: headline(verdict, key) for key in ("rto_ms", "lost", "dual_primary_ms")}
    return {"number": str(number), "verdict": verdict["verdict"], "seed": str(verdict.get("seed"))} | shown
