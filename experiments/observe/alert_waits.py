"""Waiting for alerts during a run, by what the observer `alerts` has recorded so far."""

import time
from pathlib import Path
from typing import Any

from firedrill.cluster import clock
from firedrill.experiments.observe.alerts import OBSERVER
from firedrill.experiments.observe.writer import so_far

STEP_S = 0.5
Event = dict[str, Any]


def until_delivered(parts: Path, name: str, since: int, within_s: float, *, received: bool) -> float | None:
    """Wait until an alert was delivered after `since` (ns); the seconds it took from now, None on timeout."""
    began = clock.now()
    while clock.now() - began < within_s * clock.SECOND:
        if delivered(parts, name, since, received=received):
            return (clock.now() - began) / clock.SECOND
        time.sleep(STEP_S)
    return None


def delivered(parts: Path, name: str, since: int, *, received: bool) -> bool:
    """Whether a notification of an alert was received after a moment, or the notifier listed it as active."""
    wanted = {"kind": "notification", "status": "firing"} if received else {"kind": "alert", "state": "active"}
    return any(
        event["t"] > since and event.get("alert") == name and wanted.items() <= event.items()
        for event in so_far(_file(parts))
    )


def until_calm(parts: Path, since: int, within_s: float) -> float | None:
    """Wait until no alert is active, or not yet reported as resolved, that began after `since`; as above."""
    began = clock.now()
    while clock.now() - began < within_s * clock.SECOND:
        if not active(so_far(_file(parts)), since):
            return (clock.now() - began) / clock.SECOND
        time.sleep(STEP_S)
    return None


def active(events: list[Event], since: int) -> set[str]:
    """The names of the alerts that began after a moment and have not ended; those active before it do not count."""
    current: dict[tuple[Any, ...], Event] = {}
    before: set[str] = set()
    for event in events:
        if event["kind"] not in ("alert", "notification"):
            continue
        labels = tuple(sorted(event["labels"].items()))
        key = (event["kind"], event.get("part"), event["host"] if event["kind"] == "alert" else None, labels)
        if event.get("state", event.get("status")) in ("ended", "resolved"):
            current.pop(key, None)
        else:
            current.setdefault(key, event)
        if event["t"] <= since:
            before = {one["alert"] for one in current.values()}
    return {event["alert"] for event in current.values()} - before


def _file(parts: Path) -> Path:
    return parts / f"{OBSERVER.name}.jsonl"
