"""What an agent says: a line of JSON for each decision and refusal, its status, and counters for Prometheus."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path("/run/firedrill/fence")
STATUS, METRICS = "status.json", "metrics.prom"
# A status that is older is that of a dead agent.
FRESH_S = 5.0


class Report:
    """Journal lines on standard output; files in /run that are replaced as a whole."""

    def __init__(self, host: str, folder: Path = FOLDER, write: Callable[[str], object] = print) -> None:
        self._host, self._folder, self._write = host, folder, write
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}
        self.events: Counter[str] = Counter()
        self.latest: dict[str, Any] | None = None

    def event(self, event: str, reason: str, **more: Any) -> None:
        """Log an event, and count it."""
        line = {"event": event, "reason": reason, "host": self._host, "at": round(time.time(), 3), **more}
        with self._lock:
            self.events[event] += 1
            self.latest = line
            self._write(json.dumps(line))

    def once(self, event: str, reason: str, about: object = "", **more: Any) -> None:
        """Log an event unless it is the same as the last of its kind: a refusal that lasts is one line."""
        key = f"{about} {reason}"
        if self._last.get(event) != key:
            self._last[event] = key
            self.event(event, reason, **more)

    def forget(self, event: str) -> None:
        """Log the next event of this kind, even if it is the same as the last."""
        self._last.pop(event, None)

    def status(self, found: dict[str, Any], samples: dict[str, int]) -> None:
        """Write status and counters. A full or missing /run must not stop an agent."""
        with self._lock:
            events, latest = dict(self.events), self.latest
        shown = {"host": self._host, "at": round(time.time(), 3), "pid": os.getpid(), **found}
        shown |= {"events": events, "samples": dict(samples), "last": latest}
        try:
            self._replace(STATUS, json.dumps(shown, indent=1) + "\n")
            self._replace(METRICS, metrics(shown))
        except OSError as error:
            self.once("error", f"{self._folder}: {error.strerror}")

    def _replace(self, name: str, text: str) -> None:
        new = self._folder / f".{name}.new"
        new.write_text(text)
        new.replace(self._folder / name)


def metrics(shown: dict[str, Any]) -> str:
    """The status as Prometheus's text format."""
    rows = [
        ("firedrill_fence_up", "gauge", "Whether the agent reaches etcd and can do its part.", {"": int(shown["ok"])}),
        ("firedrill_fence_misses", "gauge", "Samples in a row without an answer.", {"": shown["misses"]}),
        (
            "firedrill_fence_refusing",
            "gauge",
            "Whether this host refuses an old leader.",
            {"": int(shown["refusing"] is not None)},
        ),
        (
            "firedrill_fence_samples_total",
            "counter",
            "Probes of the leader's host by result.",
            {f'{{result="{name}"}}': number for name, number in shown["samples"].items()},
        ),
        (
            "firedrill_fence_events_total",
            "counter",
            "Decisions, refusals and other events.",
            {f'{{event="{name}"}}': number for name, number in shown["events"].items()},
        ),
    ]
    lines = []
    for name, kind, text, values in rows:
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{labels} {value}" for labels, value in values.items()]
    return "\n".join(lines) + "\n"
