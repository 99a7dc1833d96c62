"""Members of the cluster that nobody watched, and modes of the cluster that ruled a failover out during the run."""

from collections.abc import Iterator
from dataclasses import dataclass

from firedrill.experiments.judge.recording import Event, Recording


@dataclass(frozen=True)
class Membership:
    """What bounds a verdict.

    `unwatched`: members that may lead and were not observed; whatever rests on having seen every member is not known.
    `modes`: when a mode without failover was first recorded, and which, by time.
    """

    unwatched: tuple[str, ...] = ()
    modes: tuple[tuple[int, str], ...] = ()


def membership(rec: Recording) -> Membership:
    run = rec.of("runner", "run")[0]
    watched, found = set(run["databases"]), set[str]()
    for event in _reports(rec):
        unlisted = {*(event.get("unwatched") or ()), *(event.get("members") or ())} - watched
        never = set(event.get("cannot_lead") or ())
        found |= unlisted - never
    return Membership(tuple(sorted(found | (_leaders(rec) - watched))), tuple(_modes(rec)))


def _leaders(rec: Recording) -> set[str]:
    """Every host that led, or took a client's write, by any observation."""
    fields = {
        ("leadership", "leadership"): "holder",
        ("runner", "steady"): "leader",
        ("write_probe", "write"): "server",
        ("tables", "present_end"): "leader",
    }
    return {event[name] for kind, name in fields.items() for event in rec.of(*kind) if event.get(name)}


def _reports(rec: Recording) -> Iterator[Event]:
    for source, kind in (("runner", "run"), ("runner", "steady"), ("leadership", "cluster")):
        yield from rec.of(source, kind)


def _modes(rec: Recording) -> Iterator[tuple[int, str]]:
    """The first record of each mode."""
    seen = set[str]()
    for event in sorted(_reports(rec), key=lambda event: event["t"]):
        now = list(event.get("modes") or ())
        for mode in now:
            if mode not in seen:
                yield event["t"], mode
        seen |= set(now)
