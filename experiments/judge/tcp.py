"""What a run made TCP do: segments sent again and checksum errors, by host, before the fault and under it.

As in figures.py: what was not observed is null. All of it is null where the run had no observer `tcp`.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any

from firedrill.experiments.judge.recording import EVERY, SECOND, Recording, Span, holder, interval, leader_history

BEFORE = 10 * SECOND
COUNTED = ("retransmits", "checksum_errors")


def under(rec: Recording) -> Span | None:
    """From the first fault's harm until healing began, or to the end of what must be watched."""
    if rec.fault_at is None:
        return None
    heals = (e["t"] for e in rec.of("runner", "fault") if e["phase"] == "heal" and e["t"] > rec.fault_at)
    return Span(rec.fault_at, next(heals, rec.window.end))


def tcp(rec: Recording) -> dict[str, Any] | None:
    """The verdict's `tcp`: both counts under the fault over all hosts, and for each host the rates a second."""
    span = under(rec)
    if interval(rec, "tcp") is None or span is None:
        return None
    words = by_host(rec)
    before = Span(span.begin - BEFORE, span.begin)
    hosts = {
        host: {
            name: {"before": rate(words[host], name, before), "during": rate(words[host], name, span),
                   "worst": worst(words[host], name, span)}
            for name in COUNTED
        }
        for host in rec.hosts(EVERY)
    }  # fmt: skip
    blind = rec.blind("tcp", span)
    totals = {name: None if blind else total([count(words[h], name, span) for h in hosts]) for name in COUNTED}
    rebooted = sorted(host for host in hosts if len(kernels(words[host], rec.window)) > 1)
    return {f"{name}_during": value for name, value in totals.items()} | {
        "rebooted": None if rec.blind("tcp", rec.window) else rebooted,
        "unfenced": unfenced(rec, words),
        "hosts": hosts,
    }


def by_host(rec: Recording) -> dict[str, list[dict]]:
    found: defaultdict[str, list[dict]] = defaultdict(list)
    for event in rec.of("tcp", "counters"):
        found[event["host"]].append(event)
    return found


def inside(events: list[dict], span: Span) -> list[dict]:
    """The words whose middle is in the span: each tells of the second before it."""
    return [e for e in events if span.begin <= (e["start"] + e["t"]) // 2 < span.end]


def made_good(events: list[dict], span: Span) -> list[dict]:
    """The words without the silences that a later word makes good: the kernel went on counting.

    That one tells of all since the word before the silence, if both are of one boot, and of the span alone if it lies
    whole in it.
    """
    heard = [e for e in events if e["reachable"]]
    whole = [
        Span(e["start"], e["t"])
        for last, e in pairwise(heard)
        if last["boot"] == e["boot"] and span.begin <= e["start"] and e["t"] <= span.end
    ]
    return [e for e in events if e["reachable"] or not any(told.begin <= e["t"] <= told.end for told in whole)]


def count(events: list[dict], name: str, span: Span) -> int | None:
    """How many in the span; null where the host was not spoken of, or out of reach and that was not made good."""
    return added(inside(made_good(events, span), span), name)


def added(words: list[dict], name: str) -> int | None:
    return sum(e[name] for e in words) if words and all(e["reachable"] for e in words) else None


def rate(events: list[dict], name: str, span: Span) -> float | None:
    """How many a second, by the words that tell of the span alone: one across its edge tells of the other side, too."""
    whole = [e for e in inside(made_good(events, span), span) if span.begin <= e["start"] and e["t"] <= span.end]
    number, told = added(whole, name), sum(e["t"] - e["start"] for e in whole)
    return round(number / (told / SECOND), 2) if number is not None and told else None


def worst(events: list[dict], name: str, span: Span) -> int | None:
    """The most that one word told of."""
    return max((e[name] for e in inside(events, span) if e["reachable"]), default=None)


def total(counts: list[int | None]) -> int | None:
    known = [one for one in counts if one is not None]
    return sum(known) if len(known) == len(counts) else None


def kernels(events: list[dict], span: Span) -> set[str]:
    """The boots that spoke in the span."""
    return {e["boot"] for e in events if e["reachable"] and span.begin <= e["t"] <= span.end}


def unfenced(rec: Recording, words: dict[str, list[dict]]) -> int | None:
    """Whether (1 or 0) a host went on, with the kernel it had, when another had taken its leader key.

    Only where the cluster requires a watchdog: without one that was not promised, and it is 0.
    """
    history, fault = leader_history(rec), rec.fault_at
    if rec.run["profile"].get("watchdog") != "required":
        return 0
    old = holder(history, fault) if fault else None
    if fault is None or old is None or any(rec.blind(name, rec.window) for name in ("etcd", "tcp")):
        return None
    taken = next((t for t, who in history if t > fault and who not in (None, old)), None)
    if taken is None:
        return 0
    before = kernels(words[old], Span(rec.events[0]["t"], fault))
    return int(bool(before & kernels(words[old], Span(taken, rec.window.end))))
