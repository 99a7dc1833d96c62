"""Many runs on one page: a row per experiment with verdict and figures, and what changed since an earlier suite."""

from os.path import relpath
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.comparison import change, fit
from firedrill.experiments.report.headline import closest, expectation, headline
from firedrill.experiments.report.palette import DARK, LIGHT, THEMED, css
from firedrill.experiments.report.render import render
from firedrill.experiments.report.suite import Row, Suite
from firedrill.inventories.printable import printable

COLUMNS = ("rto_ms", "lost", "dual_primary_ms", "user_errors")
WIDTHS = ("wide", "narrow")
TERMINAL_COLUMNS = ("experiment", "verdict", "RTO", "lost", "two primaries", "errors", "limit used", "time", "why")


def write(suite: Suite, since: Suite | None, place: Path) -> None:
    """Write suite.html, suite.md and suite.png into a folder, which is created if missing."""
    place.mkdir(parents=True, exist_ok=True)
    page = content(suite, since, place)
    drawn = [row for row in suite.rows if row.figures]
    plots = _pictures(drawn, place) if drawn else dict.fromkeys(WIDTHS, "")
    palettes = {"light": css(LIGHT), "dark": css(DARK)}
    (place / "suite.md").write_text(render("suite.md.j2", page), encoding="utf-8")
    (place / "suite.html").write_text(render("suite.html.j2", page | plots | palettes), encoding="utf-8")


def _pictures(rows: list[Row], place: Path) -> dict[str, Markup]:
    """Write suite.png; the pictures for the page, by width."""
    from firedrill.experiments.report import pictures, suite_plot  # Matplotlib takes half a second to import

    pictures.png(suite_plot.figure(rows), place / "suite.png")
    drawn = {name: suite_plot.figure(rows, THEMED, narrow=name == "narrow") for name in WIDTHS}
    return {name: Markup(pictures.svg(figure, f"plot-{name}", "Write outages")) for name, figure in drawn.items()}


def content(suite: Suite, since: Suite | None, place: Path) -> dict[str, Any]:
    """Everything the templates show."""
    before = {row.experiment: row for row in since.rows} if since else {}
    gone = sorted(set(before) - {row.experiment for row in suite.rows})
    return {
        "title": f"Fire drills: {len(suite.rows)} experiments",
        "verdict": suite.verdict,
        "counts": suite.counts,
        "when": suite.began.replace("T", " ").replace("Z", " UTC") or "date unknown",
        "took": _took(suite),
        "inventory": suite.inventory,
        "left": suite.left,
        "rows": [_shown(row, before.get(row.experiment), bool(since), place) for row in suite.rows],
        "since": f"{since.folder.name}{f' ({since.began})' if since.began else ''}" if since else "",
        "gone": gone,
        "versions": sorted(suite.versions.items()),
        "drawn": any(row.figures for row in suite.rows),
    }


def _took(suite: Suite) -> str:
    known = [row.seconds for row in suite.rows if row.seconds is not None]
    return f"{sum(known) / 60:.1f} min" if known else ""


def _shown(row: Row, before: Row | None, compared: bool, place: Path) -> dict[str, Any]:
    known = row.figures
    return {
        "experiment": row.experiment,
        "title": known.title if known else "",
        "verdict": row.verdict,
        "why": list(row.why) if row.verdict != "pass" else [],
        "predicted": text_of("_ms", list(known.predicted.rto_ms)) if known and known.predicted else "",
        "fits": fit(known),
        "margin": margin(known),
        "seconds": f"{row.seconds:.0f} s" if row.seconds is not None else "",
        "report": relpath(row.folder / "report.html", place) if row.folder else "",
        "change": change(row, before) if compared else "",
    } | figures(row)


def figures(row: Row) -> dict[str, str]:
    """The headline figures of a row as text; empty where the run has no verdict of its own."""
    return {key: headline(row.figures, key) if row.figures else "" for key in COLUMNS}


def margin(known: Verdict | None) -> dict[str, Any] | None:
    """The expectation that came closest to its limit: `97 %`, and `rto_ms 23.35 s, wanted ≤ 24.00 s`."""
    near = closest(known) if known else None
    if known is None or near is None:
        return None
    row = expectation(near[1], known)
    return {"used": row["used"], "near": row["near"], "what": f"{row['metric']} {row['found']}, wanted {row['wanted']}"}


def terminal_rows(suite: Suite) -> list[tuple[str, ...]]:
    """The rows under TERMINAL_COLUMNS; nothing in them can move the cursor or recolour the terminal."""
    return [tuple(map(printable, _terminal_row(row))) for row in suite.rows]


def _terminal_row(row: Row) -> tuple[str, ...]:
    return (
        row.experiment,
        row.verdict,
        *figures(row).values(),
        (margin(row.figures) or {"used": ""})["used"],
        f"{row.seconds:.0f} s" if row.seconds is not None else "",
        "" if row.verdict == "pass" else " ".join(row.why),
    )
