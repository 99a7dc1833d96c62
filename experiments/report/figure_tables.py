"""Tables of figures that are too many for the headline: latencies before and during the fault, and by level."""

from firedrill.experiments.judge.schema import Felt, Level, Verdict
from firedrill.experiments.judge.units import text_of

KINDS = (("read", "Reads"), ("write", "Writes"))
COLUMNS = ("p50_ms", "p95_ms", "worst_ms", "errors")


def felt(figures: Felt, kind: str) -> dict[str, str]:
    """The rate, latencies and errors of reads or writes in one stretch of time."""
    rate = getattr(figures, f"{kind}_rate")
    row = {"rate": "not observed" if rate is None else f"{rate:.1f}/s"}
    return row | {key: text_of(key, getattr(figures, f"{kind}_{key}")) for key in COLUMNS}


def users(verdict: Verdict) -> list[dict[str, str]]:
    """What users experienced before and during the fault; empty in a run without users."""
    if verdict.user_requests is None:
        return []
    times = (("before the fault", verdict.before), ("during the fault", verdict.during))
    return [{"name": f"{title} {when}"} | felt(found, kind) for kind, title in KINDS for when, found in times]


def level(entry: Level) -> dict[str, str]:
    """One level of an experiment as a row: reads, then writes."""
    found = {kind: felt(entry, kind) for kind, _ in KINDS}
    return {"name": entry.name} | {f"{kind}_{key}": found[kind][key] for kind in found for key in found[kind]}
