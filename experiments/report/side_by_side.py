"""Two suites on one page, experiment by experiment: outage, lost and ghost writes, throughput. Nothing is judged again.

Two systems have different names for the same fault (a killed database process): `counterparts` maps those of one onto
those of the other. What only one suite has is listed, too: an empty cell is not a result.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firedrill.experiments.judge.schema import Felt, Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.headline import headline
from firedrill.experiments.report.palette import DARK, LIGHT, css
from firedrill.experiments.report.render import render
from firedrill.experiments.report.suite import Row, Suite

NONE = "–"


@dataclass(frozen=True)
class Side:
    """One suite's result of an experiment. Rates are successful requests of users per second."""

    experiment: str
    verdict: str
    rto_ms: float | None = None
    lost: int | None = None
    ghost: int | None = None
    rate_before: float | None = None
    rate_during: float | None = None
    back_at_95_ms: float | None = None


@dataclass(frozen=True)
class Pair:
    """The same fault in both suites; a side is None where the suite has no run of it."""

    title: str
    first: Side | None
    second: Side | None


def pairs(first: Suite, second: Suite, counterparts: Mapping[str, str]) -> list[Pair]:
    """A row for each experiment of either suite, in the order of the first."""
    there = {row.experiment: row for row in second.rows}
    names = {**counterparts, **{right: left for left, right in counterparts.items()}}
    found, used = [], set()
    for row in first.rows:
        other = there.get(row.experiment) or there.get(names.get(row.experiment, ""))
        used |= {other.experiment} if other else set()
        found.append(Pair(_title(row, other), _side(row), _side(other)))
    return found + [Pair(_title(row, None), None, _side(row)) for row in second.rows if row.experiment not in used]


def _title(row: Row, other: Row | None) -> str:
    known = row.figures or (other.figures if other else None)
    return known.title if known else row.experiment


def _side(row: Row | None) -> Side | None:
    if row is None:
        return None
    known = row.figures
    if known is None:
        return Side(row.experiment, row.verdict)
    return Side(
        row.experiment,
        row.verdict,
        known.rto_ms,
        known.lost,
        known.ghost,
        _rate(known.before),
        _rate(known.during),
        known.phases.recover95_ms,
    )


def _rate(felt: Felt) -> float | None:
    """Reads and writes; None if either was not observed."""
    if felt.write_rate is None or felt.read_rate is None:
        return None
    return round(felt.write_rate + felt.read_rate, 1)


def to_json(first: Suite, second: Suite, counterparts: Mapping[str, str]) -> dict[str, Any]:
    """Both suites, and their rows."""
    rows = [asdict(pair) for pair in pairs(first, second, counterparts)]
    return {"first": _suite(first), "second": _suite(second), "rows": rows}


def _suite(suite: Suite) -> dict[str, Any]:
    return {
        "folder": str(suite.folder),
        "inventory": suite.inventory,
        "began": suite.began,
        "versions": dict(suite.versions),
    }


def content(first: Suite, second: Suite, counterparts: Mapping[str, str]) -> dict[str, Any]:
    """Everything the templates show."""
    by_name = [{row.experiment: row.figures for row in suite.rows} for suite in (first, second)]
    rows = [
        {
            "title": pair.title,
            "first": _shown(pair.first, by_name[0]),
            "second": _shown(pair.second, by_name[1]),
        }
        for pair in pairs(first, second, counterparts)
    ]
    return {"suites": [_suite(one) | {"name": one.folder.name} for one in (first, second)], "rows": rows}


def _shown(side: Side | None, figures: Mapping[str, Verdict | None]) -> dict[str, str]:
    """The cells of one side; a suite without the experiment has none."""
    if side is None:
        return dict.fromkeys(("experiment", "verdict", "outage", "lost", "ghost", "rate", "back"), "")
    known = figures[side.experiment]
    return {
        "experiment": side.experiment,
        "verdict": side.verdict,
        "outage": headline(known, "rto_ms") if known else NONE,
        "lost": text_of("lost", side.lost) if known else NONE,
        "ghost": text_of("ghost", side.ghost) if known else NONE,
        "rate": f"{_per_second(side.rate_before)} → {_per_second(side.rate_during)}" if known else NONE,
        "back": text_of("_ms", side.back_at_95_ms) if known else NONE,
    }


def _per_second(rate: float | None) -> str:
    return "?" if rate is None else f"{rate:g}"


def write(first: Suite, second: Suite, counterparts: Mapping[str, str], place: Path) -> Path:
    """Write compare.html and compare.md into a folder, which is created if missing; return the page."""
    place.mkdir(parents=True, exist_ok=True)
    page = content(first, second, counterparts)
    (place / "compare.md").write_text(render("compare.md.j2", page), encoding="utf-8")
    html = render("compare.html.j2", page | {"light": css(LIGHT), "dark": css(DARK)})
    (place / "compare.html").write_text(html, encoding="utf-8")
    return place / "compare.html"
