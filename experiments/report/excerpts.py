"""What the hosts' own logs contain around each turning point, and how the hosts' clocks compared."""

import json
import re
from collections.abc import Collection
from typing import Any

from firedrill.experiments.judge.facts import LogLine, Logs
from firedrill.experiments.report.clock import Clock, capital

STAMP = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]?\d*( UTC| GMT| ?[+-]\d\d:?\d\d)? ?")
SHOWN_ELSEWHERE = ("ts", "caller", "level", "msg", "time")


def excerpts(logs: Logs, clock: Clock, hosts: Collection[str]) -> list[dict[str, Any]]:
    """Log lines by turning point: [{"turn", "since", "lines": [...], "left": lines left out}]."""
    turns: dict[int, dict[str, Any]] = {}
    for line in logs.lines:
        empty = {"turn": capital(line.turn, hosts), "since": clock.since(line.turn_t), "lines": [], "left": 0}
        turns.setdefault(line.turn_t, empty)["lines"].append(_row(line, clock))
    for left in logs.left_out:
        near = min(turns, key=lambda t: abs(t - left.t), default=None)
        if near is not None:
            turns[near]["left"] += left.lines
    return [turns[t] for t in sorted(turns)]


def _row(line: LogLine, clock: Clock) -> dict[str, str]:
    times = f" (× {line.times})" if line.times > 1 else ""
    return {
        "since": clock.since(line.t),
        "utc": clock.utc(line.t),
        "host": line.host,
        "unit": service(line.unit),
        "text": bare(line.text) + times,
    }


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


def clocks(logs: Logs) -> str:
    """How the hosts' clocks compared with the controller's, and which hosts did not answer."""
    off = [one for one in logs.clocks if abs(one.offset_ms) > one.error_ms]
    within = max((one.error_ms for one in logs.clocks if one not in off), default=None)
    found = ["Times are those of the controller’s clock"] if logs.clocks else []
    if within is not None:
        found.append(f"{'the other' if off else 'the'} hosts’ clocks agree with it within {within:.1f} ms")
    found += [
        f"{one.host}’s clock was off by {one.offset_ms:+.1f} ms (± {one.error_ms:.1f})".replace("-", "−") for one in off
    ]
    silent = [f" {host} did not answer ({error})." for host, error in logs.silent]
    return ("; ".join(found) + "." if found else "") + "".join(silent)
