"""The verdict in a word and in a few figures, and what each expectation wanted and found."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from firedrill.experiments.judge.schema import Expectation, Verdict
from firedrill.experiments.judge.units import text_of

OPS = {"<=": "≤ ", ">=": "≥ ", "!=": "not ", "==": "", "is": ""}
WORDS = {"pass": "Pass", "fail": "Fail", "unknown": "Unknown"}
SENTENCES = {
    "pass": "Every expectation held.",
    "fail": "At least one expectation did not hold.",
    "unknown": "The run is inconclusive: something that the verdict depends on was not observed.",
}
TILES = (
    ("Write outage (RTO)", "rto_ms"),
    ("Lost acknowledged writes (RPO)", "lost"),
    ("Two primaries", "dual_primary_ms"),
    ("Read outage", "read_outage_ms"),
    ("User errors", "user_errors"),
)
# What a figure of the headline is, below its label.
DEFINITIONS = {
    "rto_ms": "from one acknowledged write to the next",
    "read_outage_ms": "longest time without a successful read",
    "user_errors": "requests that failed; a retry counts as one more",
}
FIGURES = {field.name for field in fields(Verdict)}
NEAR = 0.9  # an expectation that held with less margin than this is marked


@dataclass(frozen=True)
class Tile:
    """A headline figure. `verdict` is the worst of the expectations about it, or empty."""

    label: str
    value: str
    verdict: str
    note: str = ""


def tiles(verdict: Verdict, notes: Mapping[str, str]) -> list[Tile]:
    """The figures for readers in a hurry, some with their definition or a note (by metric)."""
    notes = {**DEFINITIONS, **notes}
    return [Tile(label, headline(verdict, key), worst(verdict, key), notes.get(key, "")) for label, key in TILES]


def headline(verdict: Verdict, metric: str) -> str:
    """A figure as text: `never` for no dual primary, `no end` for an outage that did not end."""
    value = getattr(verdict, metric)
    if metric == "dual_primary_ms" and value == 0:
        return "never"
    if value is None and worst(verdict, metric) == "fail":
        return "no end"
    if metric == "user_errors" and value is not None and verdict.user_requests:
        return f"{value:,} ({100 * value / verdict.user_requests:.1f} %)"
    return text_of(metric, value)


def worst(verdict: Verdict, metric: str) -> str:
    """The worst verdict of the expectations about a figure; empty if there is none."""
    found = [entry.verdict for entry in verdict.expectations if entry.metric == metric]
    return next((v for v in ("fail", "unknown", "pass") if v in found), "")


def expectation(entry: Expectation, verdict: Verdict) -> dict[str, Any]:
    """One row of the expectations: name, wanted, found, share of the limit used, verdict."""
    wanted, share = entry.wanted, used(entry)
    if isinstance(wanted, str) and wanted in FIGURES:
        wanted = getattr(verdict, wanted)
    never = entry.found is None and entry.verdict == "fail"
    return {
        "name": entry.name,
        "metric": entry.metric,
        "wanted": OPS.get(entry.op, f"{entry.op} ") + text_of(entry.metric, wanted),
        "found": "no end" if never else text_of(entry.metric, entry.found),
        "used": _used_text(entry, share),
        "near": share is not None and NEAR <= share <= 1,
        "verdict": entry.verdict,
    }


def _used_text(entry: Expectation, share: float | None) -> str:
    if share is None:
        return ""
    return "not reached" if entry.op == ">=" and share > 1 else f"{100 * share:.0f} %"


def used(entry: Expectation) -> float | None:
    """The share of a limit that was used: 1 is the limit itself; None for an expectation without a limit."""
    found, wanted = entry.found, entry.wanted
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (found, wanted)):
        return None
    over, under = {"<=": (found, wanted), ">=": (wanted, found)}.get(entry.op, (0, 0))
    return over / under if under > 0 else None


def closest(verdict: Verdict) -> tuple[float, Expectation] | None:
    """The expectation that came closest to its limit, or went furthest past it, with the share that it used."""
    found = [(share, entry) for entry in verdict.expectations if (share := used(entry)) is not None]
    return max(found, key=lambda pair: pair[0], default=None)
