"""Read a run's events: check them, upgrade older formats, sort them, and index them by source and kind.

An event that breaks the contract (contract.py) raises ValueError, before any figure rests on it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firedrill.experiments.judge.contract import EVENTS, check_event
from firedrill.experiments.judge.fields import short
from firedrill.experiments.judge.spans import SECOND
from firedrill.experiments.observe import format_1

FORMAT = 2
LONGEST_LINE = 16 * 1024 * 1024  # characters
EARLIEST, LATEST = 3600 * SECOND, 7 * 86_400 * SECOND  # how far from the `run` event an event may be
Event = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """The events of one run in format 2, sorted by time and indexed. It need not have an end."""

    events: tuple[Event, ...] = field(repr=False)
    kinds: Mapping[tuple[str, str], tuple[Event, ...]] = field(repr=False)

    def of(self, source: str, kind: str) -> tuple[Event, ...]:
        """The events of a kind, by time."""
        return self.kinds.get((source, kind), ())


def record(events: Iterable[Event]) -> Recording:
    """The recording that these events are. ValueError where they are not one run, of a format known here."""
    return _recording(_checked(list(events), "event "))


def load(path: str | Path) -> Recording:
    """Read a recording from events.jsonl. ValueError names the line of an invalid event."""
    return _recording(load_events(path))


def _recording(checked: list[Event]) -> Recording:
    runs = [event for event in checked if (event["source"], event["kind"]) == ("runner", "run")]
    if len(runs) != 1:
        raise ValueError(f"wanted the events of one run, found {len(runs)} `run` lines")
    if runs[0]["format"] != FORMAT:
        wanted = f"{format_1.FORMAT} or {FORMAT}"
        raise ValueError(f"wanted events of format {wanted}, found {short(runs[0]['format'])}")
    found: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    ordered = sorted(_of_this_run(checked, runs[0]["t"]), key=lambda event: event["t"])
    for event in ordered:
        found[event["source"], event["kind"]].append(event)
    return Recording(tuple(ordered), {kind: tuple(row) for kind, row in found.items()})


def load_events(path: str | Path) -> list[Event]:
    """Read and check events.jsonl; in format 2, whatever it was recorded in. ValueError names the line."""
    return _checked(list(_parsed(Path(path))), f"{path}:")


def _parsed(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        number = 0
        while line := lines.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise ValueError(f"{path}:{number}: wanted a line of at most {LONGEST_LINE} characters, found more")
            try:
                event = json.loads(line)
                if "\\u" in line or not line.isascii():
                    json.dumps(event, ensure_ascii=False).encode()
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}:{number}: not a JSON object ({error})") from None
            yield event


def _checked(events: list[Any], place: str) -> list[Event]:
    """The events in format 2, each checked. `place` and its number name an event in messages."""
    old = any(isinstance(event, dict) and _is_old(event) for event in events)
    found = []
    for number, event in enumerate(events, 1):
        try:
            new = format_1.upgraded(event) if old and isinstance(event, dict) else event
            check_event(new)
        except ValueError as error:
            raise ValueError(f"{place}{number}: {error}") from None
        found.append(new)
    return found


def _is_old(event: Mapping[str, Any]) -> bool:
    run = event.get("source") == "runner" and event.get("kind") == "run"
    return run and event.get("format") == format_1.FORMAT and not isinstance(event["format"], bool)


def _of_this_run(events: Iterable[Event], began: int) -> Iterator[Event]:
    """The events, without those of unknown kinds that are not of this run's time. ValueError for a known one.

    Lines of hosts' logs are never refused: they have the clocks of their hosts.
    """
    for number, event in enumerate(events, 1):
        if began - EARLIEST <= event["t"] <= began + LATEST:
            yield event
        elif (event["source"], event["kind"]) in EVENTS and event["source"] != "logs":
            wanted = f"a time from 1 h before to 7 days after the run began at {began}"
            raise ValueError(f"event {number}: 't' cannot be {event['t']}, wanted {wanted}")
