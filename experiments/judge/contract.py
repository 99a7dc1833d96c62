"""What each kind of event holds: the contract between what is recorded and the judge, format 2.

The judge refuses an event that violates it and names the field. The tables of docs/events.md are generated from it.
Fields, kinds and sources that are not listed here are ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any

from firedrill.experiments.judge.common_fields import (
    OUTCOME,
)
from firedrill.experiments.judge.fields import (
    ID,
    LENGTH,
    MOMENT,
    TEXT,
    Field,
    Kind,
    check,
    short,
)
from firedrill.experiments.judge.observed_kinds import OBSERVED
from firedrill.experiments.judge.runner_kinds import RUNNER

ENVELOPE = {
    "t": Field(MOMENT, "When it happened (UTC), by the clock of the run.", True),
    "source": Field(TEXT, "What recorded it.", True),
    "kind": Field(TEXT, "What it is.", True),
    "host": Field(TEXT, "The host that the event is about, by its name in the inventory."),
}
TIMINGS = dict.fromkeys(
    (
        "ttl",
        "loop_wait",
        "retry_timeout",
        "inter",
        "fastinter",
        "downinter",
        "rise",
        "fall",
        "election",
        "fence_interval",
        "fence_silence",
    ),
    Field(LENGTH, "Seconds."),
)

EVENTS: Mapping[tuple[str, str], Kind] = {("runner", kind): row for kind, row in RUNNER.items()} | OBSERVED


def check_event(event: Any) -> None:
    """Refuse an invalid event: ValueError with the field, the wanted and the found value."""
    if not isinstance(event, dict):
        raise ValueError(f"wanted an object, found {type(event).__name__}")
    check(event, ENVELOPE, "the event")
    source, kind = event["source"], event["kind"]
    known = EVENTS.get((source, kind))
    if known is None:
        return
    check(event, known.fields, f"{source} {kind}")
    for name in ("start", "due"):
        began = event.get(name) if name in known.fields else None
        if began is not None and began > event["t"]:
            raise ValueError(f"{name!r} is {began}, after it ended at {event['t']}")
    if further := FURTHER.get((source, kind)):
        further(event)


def _check_profile(event: Mapping[str, Any]) -> None:
    check(event["profile"], TIMINGS, "the profile")


def _check_request(event: Mapping[str, Any]) -> None:
    """A POST is a write: it has the id of its row, and the outcome of a write."""
    if event["method"] == "POST":
        check(event, {"id": Field(ID, "", True), "outcome": OUTCOME}, "users request (POST)")


def _check_ids(event: Mapping[str, Any]) -> None:
    wrong = next((i for i in event["ids"] if not isinstance(i, int)), None) if event["table"] == "probe" else None
    if wrong is not None:
        raise ValueError(f"'ids' cannot hold {short(wrong)}, wanted integers: the write probe's ids are")


FURTHER: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], None]] = {
    ("runner", "run"): _check_profile,
    ("users", "request"): _check_request,
    ("tables", "present"): _check_ids,
}
