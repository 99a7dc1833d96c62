"""Say from a run's events alone what was measured, and whether the expectations held.

The promise: a figure that was not observed is null and makes the verdict *unknown*, never *pass*; nothing
but the events is asked, so a run can be judged again. docs/events.md defines every figure.
Times are nanoseconds since the epoch inside this module, milliseconds in the verdict.
"""

import json
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from statistics import median
from typing import Any

FORMAT = 1
SECOND = 1_000_000_000
SILENCE = SECOND  # no silence up to this long is a hole, breaks a row of writes, or means "never came back"
BASELINE = 10 * SECOND  # the users' rate before the fault is the mean over so long
WINDOW, STRIDE, RECOVERED = 2 * SECOND, SECOND // 10, 0.95
RANK = {"failed": 0, "unknown": 1, "acked": 2}
WORST = ("pass", "unknown", "fail")
# Observers that must speak of each host of a role.
SPEAKS_OF = {"node_probe": "postgres", "patroni": "postgres", "haproxy": "proxy"}
SAFETY = ("lost", "dual_primary_ms")  # a fault that was not proven excuses other figures, never these
TABLES = {"probe": "write_probe", "forecast": "locust"}
OPS = {
    "<=": lambda found, wanted: found <= wanted,
    ">=": lambda found, wanted: found >= wanted,
    "==": lambda found, wanted: found == wanted,
    "!=": lambda found, wanted: found != wanted,
    "is": lambda found, wanted: type(found) is type(wanted) and found == wanted,
}
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
    ("write_probe", "write"): {"id": int, **_WRITE},
    ("node_probe", "write"): {"host": str, **_WRITE},
    ("etcd", "key"): {"key": str, "action": ("snapshot", "put", "delete")},
    ("patroni", "member"): {"host": str, "reachable": bool},
    ("haproxy", "server"): {"host": str, "reachable": bool},
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
class Outage:
    """The longest time without success: `seen` with its span, `never` over again, or `unseen`."""

    state: str
    span: Span | None = None

    @property
    def ms(self) -> float | None:
        return ms(self.span.length) if self.state == "seen" and self.span else None


@dataclass(frozen=True)
class Moments:
    """When the first fault's failover turned, ns since the epoch; null where it did not or was not seen."""

    fault: int | None = None
    key_gone: int | None = None
    promoted: int | None = None
    back: int | None = None
    old_leader: str | None = None
    new_leader: str | None = None


@dataclass(frozen=True)
class Reason:
    """One sentence of `why`, and the verdict it asks for."""

    verdict: str
    text: str


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
        return [h["name"] for h in self.run["topology"] if role in (h.get("roles") or ())]

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
        watched = (e["t"] for e in reversed(self.events) if e["source"] not in ("runner", "ledger"))
        return Span(begin, max([begin, *faults, after["t"] if after else next(watched, begin)]))

    @cached_property
    def silences(self) -> list[Hole]:
        return [hole for name in watchers(self) for hole in holes(self, name)]

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


def ms(ns: int) -> float:
    """Nanoseconds as milliseconds, rounded up to a whole microsecond: nothing is made shorter than it was."""
    return math.ceil(ns / 1000) / 1000


# -- what was watched ------------------------------------------------------------------------------------


def watchers(rec: Recording) -> list[str]:
    """The observers this run needs (a proxy and users only where it has them), and any other it started."""
    needed = ["write_probe", "node_probe", "etcd", "patroni"]
    needed += ["haproxy"] if rec.hosts("proxy") or not rec.run["topology"] else []
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


# -- outages ---------------------------------------------------------------------------------------------


def longest_gap(acks: Sequence[int], fault_at: int) -> Span | None:
    """The longest time from one success to the next (both ns, sorted) that ends after the fault."""
    after = acks[max(bisect_left(acks, fault_at + 1) - 1, 0) :]
    return max((Span(a, b) for a, b in pairwise(after)), key=lambda gap: gap.length, default=None)


def outage(rec: Recording, name: str, acks: Sequence[int], words: Sequence[int]) -> Outage:
    """The longest gap between acks after the first fault, or that they never came back.

    `acks` and `words` are sorted times (ns): of the successes, and of every attempt. An observer with a hole
    in the gap did not see it. Acks that stop for good (for over 1 s, and for longer than they ever paused
    before the fault) are an outage without an end, if attempts failed for so long, and were watched until the
    runner had waited for the steady state.
    """
    if rec.fault_at is None or interval(rec, name) is None or not acks or acks[0] > rec.fault_at:
        return Outage("unseen")
    end = max([*words[-1:], rec.window.end])
    usual = [b - a for a, b in pairwise(acks[: bisect_left(acks, rec.fault_at)])]
    tail = Span(acks[-1], end)
    longest = max([SILENCE, *usual])
    if tail.length > longest:
        tried = words[-1] - acks[-1] > longest
        waited = rec.steady("after") is not None
        return Outage("never" if tried and waited and not rec.blind(name, tail) else "unseen", tail)
    gap = longest_gap(acks, rec.fault_at)
    if gap is None or rec.blind(name, gap):
        return Outage("unseen", gap)
    return Outage("seen", gap)


def write_outage(rec: Recording) -> Outage:
    """The outage of writes, as write_probe's client saw it: `rto_ms`."""
    writes = rec.of("write_probe", "write")
    return outage(rec, "write_probe", _times(writes, "acked"), [e["t"] for e in writes])


def read_outage(rec: Recording) -> Outage:
    """The outage of the users' GET requests: `read_outage_ms`."""
    gets = [e for e in rec.of("locust", "request") if e["method"] == "GET"]
    return outage(rec, "locust", _times(gets, "ok"), [e["t"] for e in gets])


def _times(events: Iterable[dict], outcome: str) -> list[int]:
    return [e["t"] for e in events if e["outcome"] == outcome]


# -- writes ----------------------------------------------------------------------------------------------


def outcomes(writes: Iterable[dict], name: type = int) -> dict[Any, str]:
    """The best that is known of each id: acked once is acked, however often it was tried; then unknown."""
    best: dict[Any, str] = {}
    for event in writes:
        key, outcome = name(event["id"]), event["outcome"]
        if key not in best or RANK[outcome] > RANK[best[key]]:
            best[key] = outcome
    return best


def lost_and_ghost(best: Mapping[Any, str], present: Iterable[Any]) -> tuple[list, list]:
    """Ids acked and absent from the table, and ids not acked and present in it; both sorted."""
    there = present if isinstance(present, set | frozenset) else set(present)
    lost = [key for key, outcome in best.items() if outcome == "acked" and key not in there]
    ghost = [key for key, outcome in best.items() if outcome != "acked" and key in there]
    return sorted(lost), sorted(ghost)


def written(rec: Recording, table: str) -> list[dict]:
    """Every attempt to write to one of the two tables."""
    if table == "probe":
        return rec.of("write_probe", "write")
    return [e for e in rec.of("locust", "request") if e["method"] == "POST"]


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


def writes(rec: Recording) -> tuple[dict[str, Any], list[Reason]]:
    """Counts of acked, failed, unknown, lost and ghost writes over both tables, and what hinders them."""
    needed = {table: name for table, name in TABLES.items() if name in watchers(rec)}
    tables = [table for table, name in needed.items() if interval(rec, name) is not None]
    best = {t: outcomes(written(rec, t), int if t == "probe" else str) for t in tables}
    read = {t: read_table(rec, t) for t in tables}
    pairs = {t: lost_and_ghost(best[t], read[t][0]) for t in tables if read[t][0] is not None}
    lost = {table: pairs[table][0] if table in pairs else [] for table in TABLES}
    number, whole = sum(map(len, lost.values())), len(pairs) == len(needed)
    holed = any(rec.blind(name, rec.window) for name in needed.values())
    count = Counter(outcome for ids in best.values() for outcome in ids.values())
    counted = {o: count[o] if len(tables) == len(needed) else None for o in RANK}
    figures = {
        "acked": counted["acked"],
        "failed": counted["failed"],
        "unknown_writes": counted["unknown"],
        "lost": number if number or (whole and not holed) else None,
        "lost_ids": lost,
        "ghost": sum(len(ghost) for _, ghost in pairs.values()) if whole else None,
    }
    return figures, [Reason("unknown", why) for _, why in read.values() if why]


# -- two primaries ---------------------------------------------------------------------------------------


def rows(events: Iterable[dict]) -> Iterator[list[Span]]:
    """Unbroken rows of one node's acked writes: any other outcome, or 1 s from ack to ack, ends a row."""
    row: list[Span] = []
    for event in events:
        broken = event["outcome"] != "acked" or bool(event.get("readonly"))
        if row and (broken or event["t"] - row[-1].end > SILENCE):
            yield row
            row = []
        if not broken:
            row.append(Span(event["start"], event["t"]))
    if row:
        yield row


def writable(rec: Recording) -> dict[str, list[tuple[Span, bool]]]:
    """By node, the spans in which it provably took writes: from an ack to the start of the row's last one.

    A row of one ack proves a moment between its start and its end: (that span, False).
    """
    by_host: defaultdict[str, list[dict]] = defaultdict(list)
    for event in rec.of("node_probe", "write"):
        by_host[event["host"]].append(event)
    found: dict[str, list[tuple[Span, bool]]] = {}
    for host in sorted(by_host):
        found[host] = [_proof(row) for row in rows(by_host[host])]
    return found


def _proof(row: Sequence[Span]) -> tuple[Span, bool]:
    whole = Span(row[0].end, row[-1].begin)
    return (whole, True) if whole.length > 0 else (Span(row[0].begin, row[-1].end), False)


def overlap(a: tuple[Span, bool], b: tuple[Span, bool]) -> Span | None:
    """The time both nodes took writes; a lone ack counts where it lies wholly inside the other's span."""
    both = Span(max(a[0].begin, b[0].begin), min(a[0].end, b[0].end))
    moments = [span for span, whole in (a, b) if not whole]
    if both.length <= 0 or len(moments) == 2 or (moments and moments[0] != both):
        return None
    return both


def dual_primary(rec: Recording) -> list[tuple[str, str, Span]]:
    """Every time two nodes provably took writes, by start."""
    nodes = writable(rec)
    found = (
        (a, b, both)
        for a, b in combinations(nodes, 2)
        for one in nodes[a]
        for other in nodes[b]
        if (both := overlap(one, other))
    )
    return sorted(found, key=lambda pair: (pair[2].begin, pair[:2]))


def covered(spans: Iterable[Span]) -> int:
    """How long at least one of the spans lasted, ns: what two of them share counts once."""
    total, at = 0, 0
    for span in sorted(spans, key=lambda s: s.begin):
        total += max(0, span.end - max(at, span.begin))
        at = max(at, span.end)
    return total


def dual_figures(rec: Recording) -> dict[str, Any]:
    """`dual_primary_ms` and its list. None found is only 0 where every node was watched throughout."""
    pairs = dual_primary(rec)
    unseen = not pairs and (interval(rec, "node_probe") is None or rec.blind("node_probe", rec.window))
    return {
        "dual_primary_ms": None if unseen else ms(covered(span for _, _, span in pairs)),
        "dual_primary": [
            {"nodes": [a, b], "from": span.begin, "to": span.end, "ms": ms(span.length)} for a, b, span in pairs
        ],
    }


# -- the failover ----------------------------------------------------------------------------------------


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


def moments(rec: Recording) -> Moments:
    """The turning points of the failover that followed the first fault."""
    history, fault = leader_history(rec), rec.fault_at
    old = holder(history, fault) if fault else None
    gone = next((t for t, who in history if fault and old and t > fault and who != old), None)
    if gone is None:
        return Moments(fault=fault, old_leader=old)
    acks = (e for e in rec.of("node_probe", "write") if e["outcome"] == "acked" and e["start"] >= gone)
    first = next((e for e in acks if e["host"] == holder(history, e["t"])), None)
    back = next((e["t"] for e in rec.of("write_probe", "write") if _took_over(e, history, gone)), None)
    promoted = min(first["start"], back or first["start"]) if first else None
    return Moments(fault, gone, promoted, back, old, first["host"] if first else None)


def _took_over(event: dict, history: Sequence[tuple[int, str | None]], gone: int) -> bool:
    if event["outcome"] != "acked" or event["t"] < gone:
        return False
    return event.get("server") is None or event["server"] == holder(history, event["t"])


def phases(rec: Recording, when: Moments) -> dict[str, float | None]:
    """How the time from the fault to the first ack after it divides; null where its observers were blind."""

    def part(begin: int | None, end: int | None, *names: str) -> float | None:
        if begin is None or end is None or any(rec.blind(name, Span(begin, end)) for name in names):
            return None
        return ms(end - begin)

    return {
        "detect_ms": part(when.fault, when.key_gone, "etcd"),
        "promote_ms": part(when.key_gone, when.promoted, "etcd", "node_probe"),
        "route_ms": part(when.promoted, when.back, "node_probe", "write_probe"),
        "recover95_ms": recover95(rec),
    }


def recovering_from(rec: Recording, fault: int) -> int:
    """When users may begin to recover: the end of an outage of writes over 1 s, else the first write that failed."""
    found = write_outage(rec)
    if found.state == "seen" and found.span and found.span.length > SILENCE:
        return max(fault, found.span.end)
    failed = (e["start"] for e in rec.of("write_probe", "write") if e["outcome"] != "acked" and e["t"] > fault)
    return max(fault, min(failed, default=fault))


def successes(rec: Recording) -> list[int]:
    """When users' requests succeeded, ns, in order."""
    return [e["t"] for e in rec.of("locust", "request") if e["outcome"] in ("ok", "acked")]


def baseline(rec: Recording) -> float | None:
    """Mean rate a second of users' successes over up to 10 s before the fault, with all users there; null under 2 s.

    Over whole windows of the length that recovery is measured with, or users who act in step count once too often.
    """
    times, fault = successes(rec), rec.fault_at
    users = [(e["t"], e.get("users") or 0) for e in rec.of("locust", "alive") if fault and e["t"] < fault]
    most = max((count for _, count in users), default=0)
    whole = next((t for t, count in users if count == most), 0)
    lead = min(BASELINE, fault - max(whole, times[0])) if fault and times else 0
    lead -= lead % WINDOW
    if fault is None or lead < WINDOW:
        return None
    return (bisect_left(times, fault) - bisect_left(times, fault - lead)) / (lead / SECOND)


def recover95(rec: Recording) -> float | None:
    """The first fault to the first of two 2 s windows on end with 95 % of the users' rate before, ms."""
    fault, times, rate = rec.fault_at, successes(rec), baseline(rec)
    if fault is None or rate is None or interval(rec, "locust") is None or write_outage(rec).state == "never":
        return None
    need = RECOVERED * rate * WINDOW / SECOND
    for start in range(recovering_from(rec, fault), times[-1] - 2 * WINDOW + 1, STRIDE):
        marks = [bisect_left(times, start + n * WINDOW) for n in range(3)]
        if marks[1] - marks[0] >= need and marks[2] - marks[1] >= need:
            return None if rec.blind("locust", Span(fault, start + 2 * WINDOW)) else ms(start - fault)
    return None


def predict(rec: Recording, old_leader: str | None) -> dict[str, list[float]] | None:
    """The write gap the timing model expects of a leader's power cut, [low, high] in ms; null for all else.

    From Patroni's and etcd's sources, and measured on three nodes: what is left of the leader's lease (`ttl`
    less its age, 0 to `loop_wait`), up to 0.5 s until etcd sweeps it away, 2 s in which the replicas ask the
    dead leader's REST API, 0.1 to 0.4 s of promotion, up to `downinter` + (`rise` - 1) x `fastinter` until
    HAProxy has seen it. If the dead host led etcd too, the new etcd leader gives every lease its full ttl
    again: detection takes about `ttl` + 2.4 s, so that is the high end for a host with both roles.
    """
    fault, profile = rec.injected[0] if rec.injected else {}, rec.run["profile"]
    names = ("ttl", "loop_wait", "downinter", "fastinter", "rise")
    if fault.get("fault") != "power_cut" or fault.get("host") != old_leader or old_leader is None:
        return None
    if any(not isinstance(profile.get(name), int | float) for name in names):
        return None
    ttl, loop_wait, downinter, fastinter, rise = (profile[name] for name in names)
    sweep = 2.4 if old_leader in rec.hosts("etcd") else 0.5
    low = ttl - loop_wait + 2 + 0.1
    high = ttl + sweep + 2 + 0.4 + downinter + (rise - 1) * fastinter
    return {"rto_ms": [round(low * 1000, 1), round(high * 1000, 1)]}


# -- the verdict -----------------------------------------------------------------------------------------


def text_of(metric: str, value: Any) -> str:
    """A figure as people write it, with its unit: `21.03 s` for 21030 in a metric that ends in `_ms`."""
    if value is None:
        return "not observed"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(text_of(metric, item) for item in value)
    if not isinstance(value, int | float):
        return str(value)
    if not metric.endswith("_ms"):
        return f"{value:,}"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def look_up(figures: Mapping[str, Any], metric: str) -> Any:
    """The figure of a (dotted) name. KeyError where there is none of that name."""
    found: Any = figures
    for name in metric.split("."):
        if not isinstance(found, Mapping):
            raise KeyError(metric)
        found = found[name]
    return found


def expect(
    item: dict, figures: Mapping[str, Any], never: Mapping[str, str], proven: bool
) -> tuple[dict[str, Any], str]:
    """Judge one expectation: its entry in the verdict, and the sentence that says why.

    A text in `wanted` that names a figure stands for that figure. `never`: what was seen of the figures that
    are null because their outage did not end. `proven`: whether every fault was; if not, only SAFETY figures
    can fail.
    """
    name, metric, op, wanted = (item.get(key) for key in ("name", "metric", "op", "wanted"))
    verdict, found, limit, note = "unknown", None, wanted, ""
    try:
        found = look_up(figures, str(metric))
        limit = figures.get(wanted) if isinstance(wanted, str) and wanted in figures else wanted
        if metric in never and found is None:
            verdict, note = "fail", f": {never[metric]}"
        elif found is not None and limit is not None:
            verdict = "pass" if OPS[str(op)](found, limit) else "fail"
        else:
            note = f": {wanted} was not observed" if found is not None else ""
    except (KeyError, TypeError) as error:
        note = f": cannot be compared ({error!r})"
    if verdict == "fail" and not proven and metric not in SAFETY:
        verdict, note = "unknown", note + ", which proves nothing since the fault was not proven effective"
    entry = {"name": name, "metric": metric, "op": op, "verdict": verdict, "wanted": wanted, "found": found}
    shown = "no end" if metric in never and found is None else text_of(str(metric), found)
    return entry, f"{name}: wanted {metric} {op} {text_of(str(metric), limit)}, found {shown}{note}."


def expectations(
    rec: Recording, figures: Mapping[str, Any], never: Mapping[str, str], proven: bool
) -> tuple[list[dict], list[Reason]]:
    """Every expectation's entry and reason. A run that expects nothing cannot pass."""
    judged = [expect(item, figures, never, proven) for item in rec.run["expectations"]]
    reasons = [Reason(entry["verdict"], text) for entry, text in judged]
    if not judged:
        reasons = [Reason("unknown", f"{rec.run['experiment']}: states no expectations, wanted one or more.")]
    return [entry for entry, _ in judged], reasons


def fault_reasons(rec: Recording) -> list[Reason]:
    """Every fault must have been proven effective, and its host proven clean again."""
    if not rec.injected:
        return [Reason("unknown", f"{rec.run['experiment']}: no fault was injected, wanted one or more.")]
    reasons = []
    for fault in rec.injected:
        told = [e for e in rec.of("runner", "fault") if e["id"] == fault["id"]]
        who = f"{fault['fault']} of {fault.get('host') or fault.get('target')}"
        said = {e["phase"]: e.get("detail") for e in told}
        if "effective" not in said:
            found = said.get("not_effective", "no proof")
            reasons.append(Reason("unknown", f"{who}: wanted proof of its effect, found {found}."))
        end = next((e for e in reversed(told) if e["phase"] in ("clean", "not_clean")), None)
        if end is None:
            reasons.append(Reason("unknown", f"{who}: wanted proof that it was healed, found none."))
        elif end["phase"] == "not_clean":
            found = end.get("detail") or "that it is not"
            reasons.append(Reason("fail", f"{who}: wanted a clean host after healing, found {found}."))
    return reasons


def proven(rec: Recording) -> bool:
    """Whether every injected fault was proven effective."""
    shown = {e["id"] for e in rec.of("runner", "fault") if e["phase"] == "effective"}
    return bool(rec.injected) and all(e["id"] in shown for e in rec.injected)


def run_reasons(rec: Recording) -> list[Reason]:
    """The steady state must have been observed before and after, and the run have ended well."""
    reasons, verdicts = [], {"before": "unknown", "after": "fail"}
    for phase, verdict in verdicts.items():
        steady = rec.steady(phase)
        if steady is None:
            reasons.append(Reason("unknown", f"Steady state {phase}: wanted it observed, found no word of it."))
        elif not steady["ok"]:
            found = steady.get("detail") or "that it is not"
            reasons.append(Reason(verdict, f"Steady state {phase}: wanted a healthy cluster, found {found}."))
    if not rec.ended:
        ends = rec.of("runner", "end")
        found = (ends[-1].get("detail") or "that it broke off") if ends else "no end"
        reasons.append(Reason("unknown", f"The run: wanted it to end well, found {found}."))
    return reasons


def hole_reasons(rec: Recording) -> list[Reason]:
    """Every observer must have spoken, of each of its hosts, from the first fault until all was steady."""
    reasons = []
    for hole in rec.silences:
        if interval(rec, hole.observer) is None:
            text = f"{hole.observer}: wanted it to watch the run, found that it never started."
            reasons.append(Reason("unknown", text))
            continue
        about = f" about {hole.host}" if hole.host else ""
        at = (hole.span.begin - rec.window.begin) / SECOND
        wanted, found = hole.limit / SECOND, hole.span.length / SECOND
        text = f"{hole.observer}: wanted a word{about} every {wanted:.3g} s, found {found:.2f} s of silence"
        reasons.append(Reason("unknown", f"{text} from {at:+.2f} s."))
    return reasons


def users(rec: Recording) -> dict[str, int | None]:
    """How many requests the users made, and how many did not succeed."""
    requests = rec.of("locust", "request")
    if interval(rec, "locust") is None:
        return {"user_errors": None, "user_requests": None}
    errors = sum(e["outcome"] not in ("ok", "acked") for e in requests)
    holed = rec.blind("locust", rec.window)
    return {"user_errors": None if holed else errors, "user_requests": None if holed else len(requests)}


def leaders(rec: Recording) -> dict[str, Any]:
    """Leader and timeline before the fault and after, as the runner's steady state says."""
    before, after = rec.steady("before") or {}, rec.steady("after") or {}
    return {
        "leader_before": before.get("leader"),
        "leader_after": after.get("leader"),
        "timeline_before": before.get("timeline"),
        "timeline_after": after.get("timeline"),
    }


def measure(rec: Recording) -> tuple[dict[str, Any], dict[str, str], list[Reason]]:
    """Every figure of the verdict, what was seen of outages that never ended, what hindered the ledger."""
    outages = {"rto_ms": write_outage(rec), "read_outage_ms": read_outage(rec)}
    counts, reasons = writes(rec)
    led = leaders(rec)
    figures = {name: found.ms for name, found in outages.items()} | counts | dual_figures(rec)
    figures |= {"phases": phases(rec, moments(rec)), **users(rec), **led, "fault_at": rec.fault_at}
    figures["predicted"] = predict(rec, led["leader_before"])
    return (
        figures,
        {name: text for name, found in outages.items() if (text := never_ended(rec, found))},
        reasons,
    )


def never_ended(rec: Recording, found: Outage) -> str | None:
    """The sentence about an outage that did not end; null for one that did, or that was not seen."""
    if found.state != "never" or found.span is None or rec.fault_at is None:
        return None
    last, end = ((at - rec.fault_at) / SECOND for at in (found.span.begin, found.span.end))
    return f"the last success was {last:+.2f} s from the fault, watched until {end:+.2f} s"


def why(reasons: Sequence[Reason]) -> tuple[str, list[str]]:
    """The worst verdict asked for, and its sentences, the worst first; those that held only where all did."""
    verdict = max((r.verdict for r in reasons), key=WORST.index, default="unknown")
    wanted = [v for v in reversed(WORST) if v != "pass" or verdict == "pass"]
    return verdict, [r.text for v in wanted for r in reasons if r.verdict == v]


def judge(events: Iterable[dict]) -> dict[str, Any]:
    """Judge a run: the content of verdict.json, as docs/events.md says. ValueError on bad events."""
    rec = record(events)
    figures, never, reasons = measure(rec)
    steady = {f"steady_{phase}": (rec.steady(phase) or {}).get("ok") for phase in ("before", "after")}
    judged, held = expectations(rec, figures | steady, never, proven(rec))
    reasons = [*held, *fault_reasons(rec), *run_reasons(rec), *hole_reasons(rec), *reasons]
    verdict, sentences = why(reasons)
    head = {"format": FORMAT, "experiment": rec.run["experiment"], "title": rec.run["title"]}
    tail = {"expectations": judged, "alerts": []} | {key: rec.run.get(key) for key in ("seed", "versions")}
    return head | {"verdict": verdict, "why": sentences} | figures | steady | tail


def spread(values: Iterable[float | None]) -> dict[str, Any]:
    """Least, median and greatest of what was observed, and how many of how many that was."""
    given = list(values)
    known = [value for value in given if value is not None]
    ends = {"min": min(known), "median": median(known), "max": max(known)} if known else {}
    return {"min": None, "median": None, "max": None, **ends, "observed": len(known), "runs": len(given)}


def summarise(verdicts: Sequence[dict]) -> dict[str, Any]:
    """What a run repeated N times says: the worst verdict, and the spread of the outage and its phases (ms).

    Lost writes are added up and two primaries taken at their longest; both null where a run did not observe
    them and the others found none. ValueError for no verdicts, or those of different experiments.
    """
    if len(names := sorted({v["experiment"] for v in verdicts})) != 1:
        raise ValueError(f"wanted the verdicts of one experiment, found {', '.join(names) or 'none'}")
    found = [v["verdict"] for v in verdicts]
    lost, dual = ([v[key] for v in verdicts] for key in SAFETY)
    return {
        "format": FORMAT,
        "experiment": names[0],
        "title": verdicts[0]["title"],
        "verdict": max(found, key=WORST.index),
        "runs": len(verdicts),
        "verdicts": {v: found.count(v) for v in WORST},
        "rto_ms": spread(v["rto_ms"] for v in verdicts),
        "read_outage_ms": spread(v["read_outage_ms"] for v in verdicts),
        "phases": {name: spread(v["phases"][name] for v in verdicts) for name in verdicts[0]["phases"]},
        "lost": sum(filter(None, lost)) or (None if None in lost else 0),
        "dual_primary_ms": max(filter(None, dual), default=None if None in dual else 0.0),
        "why": [f"Run {n}: {w}" for n, v in enumerate(verdicts, 1) if v["verdict"] != "pass" for w in v["why"]],
    }
