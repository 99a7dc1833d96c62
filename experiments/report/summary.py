"""Write the summary of repeated runs: summary.html, summary.md and its picture."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firedrill.experiments.judge.verdict import text_of
from firedrill.experiments.report import other_plots, pictures
from firedrill.experiments.report.headline import SENTENCES, WORDS, headline
from firedrill.experiments.report.palette import DARK, LIGHT, THEMED, css
from firedrill.experiments.report.render import render


def write_summary(verdicts: Sequence[dict], summary: dict[str, Any], folder: Path) -> None:
    """Write summary.html, summary.md and summary.png for verdicts and their `summarise` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures.png(other_plots.strip_plot(verdicts), folder / "summary.png")
    page = {
        "summary": summary,
        "word": WORDS[summary["verdict"]],
        "sentence": SENTENCES[summary["verdict"]],
        "spreads": [*_spreads(summary, ("rto_ms", "read_outage_ms")), *_spreads(summary["phases"], summary["phases"])],
        "impact": {
            "lost": text_of("lost", summary["lost"]),
            "dual_primary_ms": "never"
            if summary["dual_primary_ms"] == 0
            else text_of("_ms", summary["dual_primary_ms"]),
        },
        "runs": [_run_row(number, verdict) for number, verdict in enumerate(verdicts, 1)],
    }
    drawn = other_plots.strip_plot(verdicts, THEMED)
    more = {
        "picture": Markup(pictures.svg(drawn, "strip", "Every run as a dot")),
        "light": css(LIGHT),
        "dark": css(DARK),
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
