"""What the hosts' own logs contain around each turning point, and how the hosts' clocks compared."""

import json
import re
from typing import Any

from firedrill.experiments.judge.recording import Recording
from firedrill.experiments.report.clock import Clock, capital

STAMP = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]?\d*( UTC| GMT| ?[+-]\d\d:?\d\d)? ?")
SHOWN_ELSEWHERE = ("ts", "caller", "level", "msg", "time")


def excerpts(rec: Recording, clock: Clock) -> list[dict[str, Any]]:
    """Log lines by turning point: [{"turn", "since", "lines": [...], "left": lines left out}]."""
    names = {host["name"] for host in rec.run["topology"]}
    turns: dict[int, dict[str, Any]] = {}
    for event in rec.of("logs", "line"):
        turn = turns.setdefault(event["turn_t"], {"turn": capital(event["turn"], names), "lines": [], "left": 0})
        turn["since"] = clock.since(event["turn_t"])
        row = {"since": clock.since(event["t"]), "utc": clock.utc(event["t"]), "host": event["host"]}
        times = f" (× {event['times']})" if event.get("times", 1) > 1 else ""
        turn["lines"].append(row | {"unit": service(event["unit"]), "text": bare(event["text"]) + times})
    for event in rec.of("logs", "left_out"):
        near = min(turns, key=lambda t: abs(t - event["t"]), default=None)
        if near is not None:
            turns[near]["left"] += event["lines"]
    return [turns[t] for t in sorted(turns)]


def service(unit: str) -> str:
    """The name of a unit; for a log file, its name without a date."""
    return re.sub(r"([-_.]\d.*|\.log)$", "", unit.rsplit("/", 1)[-1])


def bare(text: str) -> str:
    """A log line without its own time stamp; a JSON object as `level: message (field value, ...)`."""
    try:
        known = json.loads(text) if text.startswith("{") else None
    except ValueError:  # the line was cut off
        known = None
    if not isinstance(known, dict) or "msg" not in known:
        return STAMP.sub("", text)
    more = [f"{key} {value}" for key, value in known.items() if key not in SHOWN_ELSEWHERE]
    return f"{known.get('level', '')}: {known['msg']}" + (f" ({', '.join(more)})" if more else "")


def clocks(rec: Recording) -> str:
    """How the hosts' clocks compared with the controller's, and which hosts did not answer."""
    samples = rec.of("logs", "clock")
    off = [e for e in samples if abs(e["offset_ms"]) > e["error_ms"]]
    within = max((e["error_ms"] for e in samples if e not in off), default=None)
    found = ["Times are those of the controller’s clock"] if samples else []
    if within is not None:
        found.append(f"{'the other' if off else 'the'} hosts’ clocks agree with it within {within:.1f} ms")
    found += [
        f"{e['host']}’s clock was off by {e['offset_ms']:+.1f} ms (± {e['error_ms']:.1f})".replace("-", "−")
        for e in off
    ]
    silent = [f" {e['host']} did not answer ({e['error']})." for e in rec.of("logs", "silent")]
    return ("; ".join(found) + "." if found else "") + "".join(silent)
