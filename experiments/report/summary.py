"""Write the summary of repeated runs: summary.html, summary.md and its picture."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.summary import Spread, Summary
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.headline import SENTENCES, WORDS, headline
from firedrill.experiments.report.palette import DARK, LIGHT, THEMED, css
from firedrill.experiments.report.render import render


def write_summary(verdicts: Sequence[Verdict], summary: Summary, folder: Path) -> None:
    """Write summary.html, summary.md and summary.png for verdicts and their `summarise` into a folder."""
    from firedrill.experiments.report import other_plots, pictures  # Matplotlib takes half a second to import

    folder.mkdir(parents=True, exist_ok=True)
    pictures.png(other_plots.strip_plot(verdicts), folder / "summary.png")
    spreads = {"rto_ms": summary.rto_ms, "read_outage_ms": summary.read_outage_ms, **summary.phases}
    page = {
        "summary": summary,
        "word": WORDS[summary.verdict],
        "sentence": SENTENCES[summary.verdict],
        "spreads": [_spread(name, found) for name, found in spreads.items()],
        "impact": {
            "lost": text_of("lost", summary.lost),
            "dual_primary_ms": "never" if summary.dual_primary_ms == 0 else text_of("_ms", summary.dual_primary_ms),
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


def _spread(name: str, found: Spread) -> dict[str, str]:
    ends = {"min": found.min, "median": found.median, "max": found.max}
    return {"name": name, "observed": f"{found.observed} of {found.runs}"} | {
        key: text_of("_ms", value) for key, value in ends.items()
    }


def _run_row(number: int, verdict: Verdict) -> dict[str, str]:
    shown = {key: headline(verdict, key) for key in ("rto_ms", "lost", "dual_primary_ms")}
    return {"number": str(number), "verdict": verdict.verdict, "seed": str(verdict.seed)} | shown
