"""Compare a run with the timing model, and with the same experiment in an earlier suite."""

from typing import Any

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.suite import Row

# A smaller change of the outage is noise: it depends on when in the leader's renewal loop the fault struck.
FAR_MS, FAR_SHARE = 500, 0.1
ERRORS_SHARE, FEW_ERRORS = 0.2, 10


def fit(figures: Verdict | None) -> str:
    """The outage against its prediction: `within`, `shorter`, `longer`, or empty if one of them is missing."""
    if figures is None or figures.rto_ms is None or figures.predicted is None:
        return ""
    found, (low, high) = figures.rto_ms, figures.predicted.rto_ms
    return "shorter" if found < low else "longer" if found > high else "within"


def change(row: Row, before: Row | None) -> str:
    """What changed since the earlier suite; `same` if nothing did."""
    if before is None:
        return "new"
    found = [f"was {before.verdict}"] if before.verdict != row.verdict else []
    found += [_outage(before, row), _count(before, row, "lost", "lost"), _count(before, row, "user_errors", "errors")]
    return "; ".join(filter(None, found)) or "same"


def _outage(before: Row, row: Row) -> str:
    was, now = _figure(before, "rto_ms"), _figure(row, "rto_ms")
    if was is None or now is None or abs(now - was) <= max(FAR_MS, FAR_SHARE * was):
        return ""
    return f"write outage {text_of('_ms', abs(now - was))} {'longer' if now > was else 'shorter'}"


def _count(before: Row, row: Row, key: str, word: str) -> str:
    was, now = _figure(before, key), _figure(row, key)
    if was is None or now is None or was == now:
        return ""
    few = key == "user_errors" and abs(now - was) <= ERRORS_SHARE * max(was, FEW_ERRORS)
    return "" if few else f"{word} {now - was:+,}".replace("-", "−")


def _figure(row: Row, key: str) -> Any:
    return getattr(row.figures, key) if row.figures else None
