"""Read what a run's events hold: who spoke when, what was written, who led; and say where nobody was watching.

The promise: an event that breaks the contract of docs/events.md raises ValueError, before any figure rests on it;
and a silence longer than an observer may keep is a hole, never taken for calm. Times are nanoseconds since the epoch.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

FORMAT = 1
SECOND = 1_000_000_000
SILENCE = SECOND  # no silence up to this long is a hole, breaks a row of writes, or means "never came back"
RANK = {"failed": 0, "unknown": 1, "acked": 2}
# Observers that must speak of each host of a role.
EVERY = "every host"
SPEAKS_OF = {"node_probe": "postgres", "patroni": "postgres", "haproxy": "proxy", "tcp": EVERY}
_WRITE = {"outcome": tuple(RANK), "start": int}
_FIELDS: dict[tuple[str, str], dict[str, Any]] = {
    ("runner", "run"): {
        "experiment": str,
        "title": str,
        "profile": dict,
        "topology": list,
        "expectations": list,
    },
    ("runner", "steady"): {"phase": ("before", "after"), "ok": bool},
    ("runner", "observer"): {"phase": ("start", "stop"), "name": str},
    ("runner", "fault"): {
        "phase": ("inject", "effective", "not_effective", "heal", "clean", "not_clean"),
        "id": (int, str),
        "fault": str,
    },
    ("runner", "end"): {"ok": bool},
    ("runner", "level"): {"name": str, "start": int},
    ("runner", "caught_up"): {"host": str, "ok": bool},
    ("write_probe", "write"): {"id": int, **_WRITE},
    ("node_probe", "write"): {"host": str, **_WRITE},
    ("etcd", "key"): {"key": str, "action": ("snapshot", "put", "delete")},
    ("patroni", "member"): {"host": str, "reachable": bool},
    ("haproxy", "server"): {"host": str, "reachable": bool},
    ("tcp", "counters"): {"host": str, "reachable": bool, "start": int},
    ("locust", "request"): {"method": str, "start": int, "outcome": ("ok", "error", *RANK)},
    ("ledger", "present"): {"table": str, "ids": list},
    ("ledger", "present_end"): {"table": str, "count": int},
}


@dataclass(frozen=True)
class Span:
    """A stretch of time, ns since the epoch."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin

    def touches(self, other: "Span") -> bool:
        """Whether the two share more than an instant."""
        return self.begin < other.end and other.begin < self.end


@dataclass(frozen=True)
class Hole:
    """A time in which an observer said nothing (about one host, or at all) for longer than it may."""

    observer: str
    host: str | None
    span: Span
    limit: int


@dataclass(frozen=True)
class Recording:
    """A run's events, sorted by time and found by source and kind."""

    events: list[dict]
    kinds: Mapping[tuple[str, str], list[dict]] = field(repr=False)

    def of(self, source: str, kind: str) -> list[dict]:
        return self.kinds.get((source, kind), [])

    @cached_property
    def run(self) -> dict:
        return self.of("runner", "run")[0]

    @cached_property
    def injected(self) -> list[dict]:
        return [e for e in self.of("runner", "fault") if e["phase"] == "inject"]

    @cached_property
    def fault_at(self) -> int | None:
        return self.injected[0]["t"] if self.injected else None

    def steady(self, phase: str) -> dict | None:
        """The last word of the runner about the steady state before or after."""
        return next((e for e in reversed(self.of("runner", "steady")) if e["phase"] == phase), None)

    def hosts(self, role: str) -> list[str]:
        return [h["name"] for h in self.run["topology"] if role == EVERY or role in (h.get("roles") or ())]

    @cached_property
    def ended(self) -> bool:
        ends = self.of("runner", "end")
        return bool(ends) and ends[-1]["ok"]

    @cached_property
    def window(self) -> Span:
        """What must be watched without a hole: from the first fault until all is steady again."""
        before, after = self.steady("before"), self.steady("after")
        begin = self.fault_at or (before["t"] if before else self.events[0]["t"])
        faults = [e["t"] for e in self.of("runner", "fault")]
        watched = (e["t"] for e in reversed(self.events) if e["source"] not in ("runner", "ledger", "logs"))
        return Span(begin, max([begin, *faults, after["t"] if after else next(watched, begin)]))

    @cached_property
    def faulty(self) -> list[Span]:
        """When faults stood, each from its `inject` to the first word of its healing; none that never was healed."""
        heals = {e["id"]: e["t"] for e in reversed(self.of("runner", "fault")) if e["phase"] == "heal"}
        return [Span(e["t"], heals[e["id"]]) for e in self.injected if e["id"] in heals]

    @cached_property
    def healed_at(self) -> int | None:
        """When the healing of the last fault began; null where one was never healed."""
        whole = self.injected and len(self.faulty) == len(self.injected)
        return max(span.end for span in self.faulty) if whole else None

    @cached_property
    def silences(self) -> list[Hole]:
        return [hole for name in watchers(self) for hole in holes(self, name)]

    @cached_property
    def _deaf(self) -> list[Span]:
        heard = sorted(e["t"] for kind in ("alive", "key") for e in self.of("etcd", kind))
        vain = [e["t"] for e in self.of("etcd", "unreachable")]
        gaps = (Span(a, b) for a, b in pairwise(heard) if b - a > 2 * SILENCE)
        return [gap for gap in gaps if any(gap.begin < t < gap.end for t in vain)]

    def deaf(self, at: int) -> bool:
        """Whether etcd answered nobody just before: what changed meanwhile is told late."""
        return any(gap.begin < at <= gap.end + SILENCE for gap in self._deaf)

    def blind(self, name: str, span: Span) -> bool:
        """Whether this observer was missing, or silent for too long, at some time in the span."""
        return any(hole.observer == name and hole.span.touches(span) for hole in self.silences)


def load_events(path: str | Path) -> list[dict]:
    """Read and check events.jsonl. A line that breaks the contract raises ValueError, naming the line."""
    events = []
    with Path(path).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            place = f"{path}:{number}"
            try:
                event = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{place}: not a JSON object ({error})") from error
            check_event(event, place)
            events.append(event)
    return events


def check_event(event: Any, place: str) -> None:
    """Refuse an event the figures could not rest on, naming the place, the field, wanted and found."""
    if not isinstance(event, dict):
        raise ValueError(f"{place}: wanted an object, found {type(event).__name__}")
    wanted = {"t": int, "source": str, "kind": str}
    wanted |= _FIELDS.get((event.get("source"), event.get("kind")), {})
    for name, allowed in wanted.items():
        if name not in event:
            raise ValueError(f"{place}: {event.get('source')} {event.get('kind')} has no field {name!r}")
        if not _allowed(event[name], allowed):
            raise ValueError(f"{place}: {name!r} cannot be {event[name]!r}, wanted {_wording(allowed)}")
    if isinstance(event.get("start"), int) and event["start"] > event["t"]:
        raise ValueError(f"{place}: starts at {event['start']}, after it ended at {event['t']}")


def _allowed(value: Any, allowed: Any) -> bool:
    if isinstance(allowed, tuple) and isinstance(allowed[0], str):
        return value in allowed
    return isinstance(value, allowed) and (allowed is bool or not isinstance(value, bool))


def _wording(allowed: Any) -> str:
    if isinstance(allowed, tuple):
        return " or ".join(a if isinstance(a, str) else a.__name__ for a in allowed)
    return allowed.__name__


def record(events: Iterable[dict]) -> Recording:
    """Check, sort and index the events. ValueError where they are not one run of a format known here."""
    found: defaultdict[tuple[str, str], list[dict]] = defaultdict(list)
    ordered = list(events)
    for number, event in enumerate(ordered, 1):
        check_event(event, f"event {number}")
    ordered.sort(key=lambda event: event["t"])
    for event in ordered:
        found[event["source"], event["kind"]].append(event)
    runs = found.get(("runner", "run"), [])
    if len(runs) != 1:
        raise ValueError(f"wanted the events of one run, found {len(runs)} `run` lines")
    if runs[0].get("format") != FORMAT:
        raise ValueError(f"wanted events of format {FORMAT}, found {runs[0].get('format')!r}")
    return Recording(ordered, dict(found))


# -- what was watched ------------------------------------------------------------------------------------


def watchers(rec: Recording) -> list[str]:
    """The observers this run needs (a proxy and users only where it has them), and any other it started."""
    needed = ["write_probe", "node_probe", "etcd", "patroni"]
    proxies = (rec.hosts("proxy") or not rec.run["topology"]) and "haproxy" not in (rec.run.get("unobserved") or ())
    needed += ["haproxy"] if proxies else []
    load = rec.run.get("load") or {"users": 0}
    needed += ["locust"] if load.get("users") != 0 or rec.of("locust", "request") else []
    started = [e["name"] for e in rec.of("runner", "observer")]
    return list(dict.fromkeys(needed + [name for name in started if name not in ("ledger", "runner")]))


def interval(rec: Recording, name: str) -> int | None:
    """How often the observer said it would speak at the latest, ns; null where it never started."""
    starts = [e for e in rec.of("runner", "observer") if e["name"] == name and e["phase"] == "start"]
    return int(max(e.get("interval_ms") or 0 for e in starts) * 1_000_000) if starts else None


def holes(rec: Recording, name: str) -> list[Hole]:
    """Silences inside the run's window that are longer than 5 x the observer's interval, and than 1 s."""
    every = interval(rec, name)
    words = spoken(rec, name)
    if every is None:
        return [Hole(name, None, rec.window, 0)]
    limit = max(5 * every, SILENCE)
    return [
        Hole(name, host, silence, limit)
        for host, spans in words.items()
        for silence in silent(spans, rec.window)
        if silence.length > limit
    ]


def spoken(rec: Recording, name: str) -> dict[str | None, list[Span]]:
    """When an observer spoke, by host where it must speak of each; a write covers from start to t."""
    role = SPEAKS_OF.get(name)
    words: dict[str | None, list[Span]] = {host: [] for host in (rec.hosts(role) if role else ())}
    for (source, _), events in rec.kinds.items():
        for event in events if source == name else ():
            span = Span(event.get("start") or event["t"], event["t"])
            words.setdefault(event.get("host") if role else None, []).append(span)
    return words or {None: []}


def silent(spans: Sequence[Span], window: Span) -> Iterator[Span]:
    """The parts of the window in no span."""
    at = window.begin
    for span in sorted(spans, key=lambda s: s.begin):
        if span.begin >= window.end:
            break
        if span.begin > at:
            yield Span(at, span.begin)
        at = max(at, span.end)
    if at < window.end:
        yield Span(at, window.end)


# -- what was written, and who led -----------------------------------------------------------------------


def written(rec: Recording, table: str) -> list[dict]:
    """Every attempt to write to one of the two tables."""
    if table == "probe":
        return rec.of("write_probe", "write")
    return [e for e in rec.of("locust", "request") if e["method"] == "POST"]


def outcomes(writes: Iterable[dict], name: type = int) -> dict[Any, str]:
    """The best that is known of each id: acked once is acked, however often it was tried; then unknown."""
    best: dict[Any, str] = {}
    for event in writes:
        key, outcome = name(event["id"]), event["outcome"]
        if key not in best or RANK[outcome] > RANK[best[key]]:
            best[key] = outcome
    return best


def read_table(rec: Recording, table: str) -> tuple[frozenset | None, str | None]:
    """The ids the ledger read of a table, or None and why its last reading cannot be relied on."""
    ends = [e for e in rec.of("ledger", "present_end") if e["table"] == table]
    if not ends:
        return None, f"ledger: the table {table} was not read to its end, wanted its present_end."
    since = ends[-2]["t"] if len(ends) > 1 else 0
    pages = [e for e in rec.of("ledger", "present") if e["table"] == table and e["t"] > since]
    ids = frozenset((int if table == "probe" else str)(i) for page in pages for i in page["ids"])
    after = rec.steady("after")
    leader, read_from = (after or {}).get("leader"), ends[-1].get("leader")
    began = min(e["t"] for e in [*pages, ends[-1]])
    late = [e for e in written(rec, table) if e["outcome"] == "acked" and e["t"] > began]
    if len(ids) != ends[-1]["count"]:
        return None, f"ledger: {table} holds {ends[-1]['count']} rows, but {len(ids)} ids were read."
    if leader and read_from != leader:
        return None, f"ledger: {table} was read from {read_from}, wanted the leader {leader}."
    if late:
        return None, f"ledger: {table} was read while {len(late)} writes to it were still acknowledged."
    return ids, None


def leader_history(rec: Recording) -> list[tuple[int, str | None]]:
    """Who held the leader key from when (ns) on; None where nobody did. Changes only."""
    held: list[tuple[int, str | None]] = []
    for event in rec.of("etcd", "key"):
        value = None if event["action"] == "delete" else event.get("value")
        if event["key"] == "leader" and (not held or held[-1][1] != value):
            held.append((event["t"], value))
    return held


def holder(history: Sequence[tuple[int, str | None]], at: int) -> str | None:
    """Who held the leader key at a moment."""
    known = bisect_left(history, at + 1, key=lambda change: change[0])
    return history[known - 1][1] if known else None
