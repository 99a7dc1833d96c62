"""What a run recorded about alerts, typed: when each was active, when each was delivered, and who was looking."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from firedrill.experiments.judge.gaps import unobserved
from firedrill.experiments.judge.recording import Event, Recording
from firedrill.experiments.judge.spans import SECOND, Span

Part = Literal["rules", "notifier", "receiver"]
Labels = frozenset[tuple[str, str]]
LIMIT = 10 * SECOND  # a longer time between two samples was not observed


class Active(NamedTuple):
    """An alert from the moment it was seen until it ended. `first`: when each of its states was seen first."""

    where: str
    alert: str
    labels: Labels
    begin: int
    first: Mapping[str, int]
    end: int | None


class Delivery(NamedTuple):
    """An alert from its first notification until the one that it is resolved."""

    alert: str
    labels: Labels
    begin: int
    resolved: int | None


class Sight(NamedTuple):
    """Whether a server answered, or a receiver listened, between `start` and `t`."""

    start: int
    t: int
    ok: bool


@dataclass(frozen=True)
class Alerting:
    """Everything about alerts in a recording. `delivery` is None in a run without monitoring."""

    delivery: Literal["received", "listed"] | None = None
    expected: tuple[Mapping[str, Any], ...] = ()
    rules: tuple[Active, ...] = ()
    notifier: tuple[Active, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    sights: Mapping[tuple[str, Part], tuple[Sight, ...]] = field(default_factory=dict)
    until: int = 0  # the last sample

    @property
    def proofs(self) -> tuple[Part, ...]:
        """What must be observed before an alert can be called missing."""
        return ("rules", "notifier", "receiver") if self.delivery == "received" else ("rules", "notifier")

    def blind(self, parts: Iterable[Part], of: Span, apart: Mapping[str, Sequence[Span]]) -> list[tuple[str, Part]]:
        """Where which part was not observed at some time in a span. `apart`: when hosts could not answer anyway."""
        wanted = [(where, part) for (where, part) in self.sights if part in parts]
        lacking = [("the monitoring", part) for part in parts if part not in {part for _, part in self.sights}]
        return [
            *lacking,
            *(key for key in wanted if any(unobserved([*_seen(self.sights[key]), *apart.get(key[0], ())], of))),
        ]


def alerting(rec: Recording) -> Alerting:
    """Read it."""
    run = rec.of("runner", "run")[0]
    changes, sights = rec.of("alerts", "alert"), _sights(rec)
    return Alerting(
        delivery=run.get("delivery"),
        expected=tuple(run.get("alerts") or ()),
        rules=tuple(_actives(event for event in changes if event["part"] == "rules")),
        notifier=tuple(_actives(event for event in changes if event["part"] == "notifier")),
        deliveries=tuple(_deliveries(rec.of("alerts", "notification"))),
        sights=sights,
        until=max((row[-1].t for row in sights.values()), default=0),
    )


def _sights(rec: Recording) -> dict[tuple[str, Part], tuple[Sight, ...]]:
    found: defaultdict[tuple[str, Part], list[Sight]] = defaultdict(list)
    for e in rec.of("alerts", "poll"):
        found[e["host"], e["part"]].append(Sight(e["t"], e["t"], e["reachable"]))
    for e in rec.of("alerts", "receiver"):
        found[e["host"], "receiver"].append(Sight(e["start"], e["t"], e["listening"]))
    return {key: tuple(row) for key, row in found.items()}


def _seen(row: Sequence[Sight]) -> Iterator[Span]:
    """When something was observed: from one good sample to the next, and for LIMIT after the last."""
    yield from (Span(a.start, b.t) for a, b in pairwise(row) if a.ok and b.ok and b.t - a.t <= LIMIT)
    if row and row[-1].ok:
        yield Span(row[-1].start, row[-1].t + LIMIT)


def _actives(events: Iterable[Event]) -> list[Active]:
    """By when they began."""
    rows: defaultdict[tuple[str, str, Labels], list[Event]] = defaultdict(list)
    for event in events:
        rows[event["host"], event["alert"], labels_of(event)].append(event)
    found = [active for key, row in rows.items() for active in _of_one(key, row)]
    return sorted(found, key=lambda active: active.begin)


def _of_one(key: tuple[str, str, Labels], events: Sequence[Event]) -> Iterator[Active]:
    first: dict[str, int] = {}
    for event in events:
        if event["state"] != "ended":
            first.setdefault(event["state"], event["t"])
        elif first:
            yield Active(*key, min(first.values()), first, event["t"])
            first = {}
    if first:
        yield Active(*key, min(first.values()), first, None)


def _deliveries(events: Iterable[Event]) -> list[Delivery]:
    """By when they began. Several notifiers may send the same: the first one counts."""
    open_: dict[tuple[str, Labels], int] = {}
    found = []
    for event in events:
        key = (event["alert"], labels_of(event))
        if event["status"] == "firing":
            open_.setdefault(key, event["t"])
        elif key in open_:
            found.append(Delivery(*key, open_.pop(key), event["t"]))
    found += [Delivery(*key, begin, None) for key, begin in open_.items()]
    return sorted(found, key=lambda delivery: delivery.begin)


def labels_of(event: Event) -> Labels:
    return frozenset((name, value) for name, value in event["labels"].items() if value is not None)
