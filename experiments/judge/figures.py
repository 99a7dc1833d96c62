"""Make every figure of a verdict from a run's recording, each as docs/events.md defines it.

The promise: a figure that was not observed is null, never a guess, and never zero because nobody looked.
Times are nanoseconds since the epoch inside this module, milliseconds in the figures.
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from firedrill.experiments.judge.recording import (
    RANK,
    SECOND,
    SILENCE,
    Recording,
    Span,
    holder,
    interval,
    leader_history,
    outcomes,
    read_table,
    watchers,
    written,
)

BASELINE = 10 * SECOND  # the users' rate before the fault is the mean over so long
WINDOW, STRIDE, RECOVERED = 2 * SECOND, SECOND // 10, 0.95
TABLES = {"probe": "write_probe", "forecast": "locust"}


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


def ms(ns: int) -> float:
    """Nanoseconds as milliseconds, rounded up to a whole microsecond: nothing is made shorter than it was."""
    return math.ceil(ns / 1000) / 1000


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


def lost_and_ghost(best: Mapping[Any, str], present: Iterable[Any]) -> tuple[list, list]:
    """Ids acked and absent from the table, and ids not acked and present in it; both sorted."""
    there = present if isinstance(present, set | frozenset) else set(present)
    lost = [key for key, outcome in best.items() if outcome == "acked" and key not in there]
    ghost = [key for key, outcome in best.items() if outcome != "acked" and key in there]
    return sorted(lost), sorted(ghost)


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
        if "etcd" in names and when.key_gone and rec.deaf(when.key_gone):
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


def succeeded(event: dict) -> bool:
    """Whether a user's request did."""
    return event["outcome"] in ("ok", "acked")


def came(event: dict, span: Span, *, backlog: bool) -> bool:
    """Whether a request ended in the span; without `backlog`, whether it was due in it, too.

    What waited for long says nothing of the rate of now. Older recordings have no `due`: all counts in them.
    """
    return span.begin <= event["t"] < span.end and (backlog or (event.get("due") or span.begin) >= span.begin)


def all_there(rec: Recording) -> int | None:
    """From when on all users were there that there were before the fault, ns; null where none gave a sign of life."""
    fault = rec.fault_at
    users = [(e["t"], e.get("users") or 0) for e in rec.of("locust", "alive") if fault and e["t"] < fault]
    most = max((count for _, count in users), default=0)
    return next((t for t, count in users if count == most), None)


def successes(rec: Recording) -> list[int]:
    """When users' requests succeeded, ns, in order."""
    return [e["t"] for e in rec.of("locust", "request") if succeeded(e)]


def baseline(rec: Recording) -> float | None:
    """Mean rate a second of users' successes over up to 10 s before the fault, with all users there; null under 2 s.

    Only of those that were due in that time, or a backlog of the users' start would count as their rate. Over whole
    windows of the length that recovery is measured with, or users who act in step count once too often.
    """
    times, fault = successes(rec), rec.fault_at
    lead = min(BASELINE, fault - max(all_there(rec) or 0, times[0])) if fault and times else 0
    lead -= lead % WINDOW
    if fault is None or lead < WINDOW:
        return None
    span = Span(fault - lead, fault)
    good = sum(succeeded(e) and came(e, span, backlog=False) for e in rec.of("locust", "request"))
    return good / (lead / SECOND)


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
    again: detection takes about `ttl` + 2.4 s, so that is the high end where a host of etcd is cut off at once.
    """
    cuts = [e for e in rec.injected if e["fault"] == "power_cut" and e.get("host") == old_leader]
    fault, profile = cuts[0] if cuts else {}, rec.run["profile"]
    names = ("ttl", "loop_wait", "downinter", "fastinter", "rise")
    if not fault or fault["t"] - rec.injected[0]["t"] >= SECOND:
        return None
    if any(not isinstance(profile.get(name), int | float) for name in names):
        return None
    ttl, loop_wait, downinter, fastinter, rise = (profile[name] for name in names)
    together = {e.get("host") for e in rec.injected if e["t"] - fault["t"] < SECOND}
    sweep = 2.4 if together & set(rec.hosts("etcd")) else 0.5
    low = ttl - loop_wait + 2 + 0.1
    high = ttl + sweep + 2 + 0.4 + downinter + (rise - 1) * fastinter
    return {"rto_ms": [round(low * 1000, 1), round(high * 1000, 1)]}


# -- the run as a whole ----------------------------------------------------------------------------------


def users(rec: Recording) -> dict[str, int | None]:
    """How many requests the users made, and how many did not succeed."""
    requests = rec.of("locust", "request")
    if interval(rec, "locust") is None:
        return {"user_errors": None, "user_requests": None}
    errors = sum(not succeeded(e) for e in requests)
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
