"""Many runs on one page: a row an experiment, its verdict and figures, and what changed since an earlier suite.

The promise: nothing is judged here; a row says what its run's verdict.json says, and a run without one is told as such.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os.path import relpath
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firedrill.experiments.judge.verdict import text_of
from firedrill.experiments.report import other_plots, timeline_plot
from firedrill.experiments.report.page import headline, render
from firedrill.inventories.errors import Problem

VERDICTS = ("fail", "error", "unknown", "skipped", "pass")  # the worst first
FORMAT = 1
FAR_MS, FAR_SHARE = 500, 0.1  # an outage that changed by less is the same: it hangs on when in Patroni's loop it struck


@dataclass(frozen=True)
class Row:
    """One experiment of a suite: what the suite says of it, and its run's verdict.json where there is one."""

    experiment: str
    verdict: str
    why: tuple[str, ...]
    folder: Path | None
    seconds: float | None
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """Runs that belong together. `began` and `ended` are ISO 8601, or empty."""

    folder: Path
    rows: tuple[Row, ...]
    began: str = ""
    ended: str = ""
    inventory: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    left: str = ""  # what was not whole of the cluster when all was over

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(row.verdict for row in self.rows)
        return {verdict: found[verdict] for verdict in reversed(VERDICTS) if found[verdict]}

    @property
    def verdict(self) -> str:
        """The worst of all; a suite of nothing, or of skipped ones alone, proves nothing."""
        said = {row.verdict for row in self.rows}
        worst = next((verdict for verdict in VERDICTS if verdict in said), "unknown")
        return {"skipped": "unknown" if said == {"skipped"} else "pass"}.get(worst, worst)


# -- reading ---------------------------------------------------------------------------------------------


def load(folders: Sequence[Path]) -> Suite:
    """The runs of all the folders: of suites (with a suite.json) and of single runs. Raises Problem."""
    suites = [_suite(folder) if (folder / "suite.json").exists() else _single(folder) for folder in folders]
    rows = tuple(row for suite in suites for row in suite.rows)
    began = min((suite.began for suite in suites if suite.began), default="")
    ended = max((suite.ended for suite in suites if suite.ended), default="")
    inventories = ", ".join(dict.fromkeys(suite.inventory for suite in suites if suite.inventory))
    versions = {name: value for suite in suites for name, value in suite.versions.items()}
    left = "; ".join(suite.left for suite in suites if suite.left)
    return Suite(folders[0], rows, began, ended, inventories, versions, left)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Problem(f"{file} cannot be read ({error})", "is it the folder of a run, or of a suite?") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Problem(f"{file} is not of format {FORMAT}", "it was written by another version")
    return found


def _suite(folder: Path) -> Suite:
    known = _json(folder / "suite.json")
    try:
        rows = tuple(_row(folder, row) for row in known["rows"])
    except (KeyError, TypeError) as error:
        raise Problem(
            f"{folder / 'suite.json'} has a row without {error}", "it was written by another version"
        ) from None
    began, ended = (moment(known.get(name)) for name in ("began", "ended"))
    return Suite(
        folder,
        rows,
        began,
        ended,
        str(known.get("inventory") or ""),
        known.get("versions") or {},
        known.get("detail") or "",
    )


def _row(folder: Path, row: Mapping[str, Any]) -> Row:
    place = folder / row["report"] if row.get("report") else None
    file = folder / row["verdict_file"] if row.get("verdict_file") else place / "verdict.json" if place else None
    figures = _json(file) if file and file.is_file() else {}
    verdict = row["verdict"] if row["verdict"] in VERDICTS else "error"
    return Row(row["experiment"], verdict, tuple(row.get("why") or ()), place, row.get("seconds"), figures)


def _single(folder: Path) -> Suite:
    figures = _json(folder / "verdict.json")
    run, end = _ends(folder / "events.jsonl")
    seconds = (end["t"] - run["t"]) / 1e9 if run and end else None
    row = Row(figures["experiment"], figures["verdict"], tuple(figures["why"]), folder, seconds, figures)
    began, ended = (moment(event.get("t")) for event in (run, end))
    return Suite(folder, (row,), began, ended, run.get("inventory") or "", figures.get("versions") or {})


def _ends(events: Path) -> tuple[dict, dict]:
    """The first and the last event of a run; empty where there is no file."""
    lines = events.read_text().splitlines() if events.is_file() else []
    return (json.loads(lines[0]), json.loads(lines[-1])) if lines else ({}, {})


def moment(value: Any) -> str:
    """An ISO 8601 time in UTC to the second, from one, or from ns since the epoch; empty for null."""
    if not value:
        return ""
    if isinstance(value, int | float):
        found = datetime.fromtimestamp(value / 1e9 if value > 1e12 else value, UTC)
    else:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")


# -- the page --------------------------------------------------------------------------------------------


def write(suite: Suite, since: Suite | None, place: Path) -> None:
    """Write suite.html, suite.md and suite.png into an existing or new folder."""
    place.mkdir(parents=True, exist_ok=True)
    page = content(suite, since, place)
    drawn = [row for row in suite.rows if row.figures]
    if drawn:
        timeline_plot.png(other_plots.suite_plot(drawn), place / "suite.png")
    pictures = {
        name: Markup(
            timeline_plot.svg(
                other_plots.suite_plot(drawn, timeline_plot.THEMED, narrow=name == "narrow"), f"plot-{name}", "Outages"
            )
        )
        if drawn
        else ""
        for name in ("wide", "narrow")
    }
    palettes = {"light": timeline_plot.css(timeline_plot.LIGHT), "dark": timeline_plot.css(timeline_plot.DARK)}
    (place / "suite.md").write_text(render("suite.md.j2", page), encoding="utf-8")
    (place / "suite.html").write_text(render("suite.html.j2", page | pictures | palettes), encoding="utf-8")


def content(suite: Suite, since: Suite | None, place: Path) -> dict[str, Any]:
    """Everything the templates show."""
    before = {row.experiment: row for row in since.rows} if since else {}
    gone = sorted(set(before) - {row.experiment for row in suite.rows})
    return {
        "title": f"Fire drills: {len(suite.rows)} experiments",
        "verdict": suite.verdict,
        "counts": suite.counts,
        "when": suite.began.replace("T", " ").replace("Z", " UTC") or "some time",
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
    predicted = text_of("_ms", known["predicted"]["rto_ms"]) if known.get("predicted") else ""
    return {
        "experiment": row.experiment,
        "title": known.get("title") or "",
        "verdict": row.verdict,
        "why": list(row.why) if row.verdict != "pass" else [],
        "rto": headline(known, "rto_ms") if known else "",
        "predicted": predicted,
        "fits": fit(known),
        "lost": text_of("lost", known["lost"]) if known else "",
        "errors": headline(known, "user_errors") if known else "",
        "seconds": f"{row.seconds:.0f} s" if row.seconds is not None else "",
        "report": relpath(row.folder / "report.html", place) if row.folder else "",
        "change": change(row, before) if compared else "",
    }


def fit(figures: Mapping[str, Any]) -> str:
    """How the outage compares with what was predicted: `within`, `less`, `more`, or empty where one is missing."""
    found, predicted = figures.get("rto_ms"), figures.get("predicted")
    if found is None or not predicted:
        return ""
    low, high = predicted["rto_ms"]
    return "less" if found < low else "more" if found > high else "within"


def change(row: Row, before: Row | None) -> str:
    """What is another than in the earlier suite, in words; `same` where nothing is."""
    if before is None:
        return "new"
    told = [f"was {before.verdict}"] if before.verdict != row.verdict else []
    was, now = before.figures.get("rto_ms"), row.figures.get("rto_ms")
    if was is not None and now is not None and abs(now - was) > max(FAR_MS, FAR_SHARE * was):
        told.append(f"out {text_of('_ms', abs(now - was))} {'longer' if now > was else 'shorter'}")
    for key, word in (("lost", "lost"), ("user_errors", "errors")):
        was, now = before.figures.get(key), row.figures.get(key)
        if (
            was is not None
            and now is not None
            and was != now
            and (key == "lost" or abs(now - was) > 0.2 * max(was, 10))
        ):
            told.append(f"{word} {now - was:+,}".replace("-", "−"))
    return "; ".join(told) or "same"
