"""Tables of figures that are too many for the headline: latencies before and during the fault, and by level."""

from collections.abc import Mapping
from typing import Any

from firedrill.experiments.judge.verdict import text_of

KINDS = (("read", "Reads"), ("write", "Writes"))
COLUMNS = ("p50_ms", "p95_ms", "worst_ms", "errors")


def felt(figures: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The rate, latencies and errors of reads or writes in one stretch of time."""
    rate = figures.get(f"{kind}_rate")
    row = {"rate": "not observed" if rate is None else f"{rate:.1f}/s"}
    return row | {key: text_of(key, figures.get(f"{kind}_{key}")) for key in COLUMNS}


def users(verdict: Mapping[str, Any]) -> list[dict[str, str]]:
    """What users experienced before and during the fault; empty in a run without users."""
    if verdict["user_requests"] is None:
        return []
    times = (("before the fault", verdict.get("before")), ("during the fault", verdict.get("during")))
    return [{"name": f"{title} {when}"} | felt(found, kind) for kind, title in KINDS for when, found in times if found]


def level(entry: Mapping[str, Any]) -> dict[str, str]:
    """One level of an experiment as a row: reads, then writes."""
    found = {kind: felt(entry, kind) for kind, _ in KINDS}
    return {"name": str(entry["name"])} | {f"{kind}_{key}": found[kind][key] for kind in found for key in found[kind]}
