"""What users felt: rates, latencies and errors before the faults, while they stood, at each level, and after.

The promise is that of figures.py: what was not observed is null. A latency counts from when the request should have
started (`due`; `start` in recordings of closed loops), so that a slow answer hides no other.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from firedrill.experiments.judge.figures import BASELINE, WINDOW, all_there, came, covered, ms, succeeded
from firedrill.experiments.judge.recording import SECOND, Recording, Span, interval

KINDS = {"write": ("POST", "acked"), "read": ("GET", "ok")}
SHARES = {"p50": 0.50, "p95": 0.95}


def due(event: dict) -> int:
    """When the request should have started, ns."""
    return event.get("due") or event["start"]


def quantile(values: Sequence[float], share: float) -> float | None:
    """The least value that `share` of all do not exceed; null for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def requests(rec: Recording, kind: str) -> list[dict]:
    """Every attempt of the users to read or to write."""
    return [e for e in rec.of("locust", "request") if e["method"] == KINDS[kind][0]]


def felt(rec: Recording, spans: Sequence[Span], *, backlog: bool = True) -> dict[str, Any]:
    """Rate of success, latencies and errors of reads and of writes in the spans; null where users were not watched.

    Without `backlog` the rate leaves out what came in a span and was due before it.
    """
    blind = interval(rec, "locust") is None or not spans or any(rec.blind("locust", span) for span in spans)
    found: dict[str, Any] = {}
    for kind in KINDS:
        events = [] if blind else requests(rec, kind)
        inside = [e for e in events if any(span.begin <= due(e) < span.end for span in spans)]
        good = [ms(e["t"] - due(e)) for e in inside if succeeded(e)]
        ended = sum(succeeded(e) and any(came(e, span, backlog=backlog) for span in spans) for e in events)
        seconds = covered(spans) / SECOND
        found |= {
            f"{kind}_rate": None if blind or not seconds else round(ended / seconds, 3),
            **{f"{kind}_{name}_ms": quantile(good, share) for name, share in SHARES.items()},
            f"{kind}_worst_ms": max((ms(e["t"] - due(e)) for e in inside), default=None),
            f"{kind}_errors": None if blind else sum(not succeeded(e) for e in inside),
        }
    return found


def before(rec: Recording) -> dict[str, Any]:
    """What users felt in the up to 10 s before the first fault, from when all were there."""
    fault, since = rec.fault_at, all_there(rec)
    if fault is None or since is None or fault - since < WINDOW:
        return felt(rec, ())
    return felt(rec, [Span(max(since, fault - BASELINE), fault)], backlog=False)


def during(rec: Recording) -> dict[str, Any]:
    """What users felt while at least one fault stood, and their rates of success against those before."""
    found, was = felt(rec, rec.faulty if rec.healed_at else ()), before(rec)
    ratios = {f"{kind}_ratio": _ratio(found[f"{kind}_rate"], was[f"{kind}_rate"]) for kind in KINDS}
    return ratios | found


def _ratio(now: float | None, then: float | None) -> float | None:
    return None if now is None or not then else round(now / then, 3)


def levels(rec: Recording) -> list[dict[str, Any]]:
    """The points of a curve: what users felt at each level, in the run's order."""
    return [
        {"name": e["name"], "from": e["start"], "to": e["t"]} | felt(rec, [Span(e["start"], e["t"])])
        for e in rec.of("runner", "level")
    ]


def errors(rec: Recording) -> dict[str, int | None]:
    """Attempts without success: of the whole run by kind, and those begun after the last healing began."""
    blind = interval(rec, "locust") is None or rec.blind("locust", rec.window)
    bad = {kind: [e for e in requests(rec, kind) if not succeeded(e)] for kind in KINDS}
    found: dict[str, int | None] = {f"{kind}_errors": None if blind else len(bad[kind]) for kind in KINDS}
    return found | {"errors_after_heal": None if blind else _after(rec.healed_at, [e for b in bad.values() for e in b])}


def _after(healed: int | None, bad: Iterable[dict]) -> int | None:
    return None if healed is None else sum(e["start"] >= healed for e in bad)


def figures(rec: Recording) -> dict[str, Any]:
    """Everything above, as keys of verdict.json."""
    return {"before": before(rec), "during": during(rec), "levels": levels(rec), **errors(rec)}
