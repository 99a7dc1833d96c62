"""What users got: rates, latencies and errors before the faults, while they were active, at each level, and after.

A latency counts from when the request was due (from when it started, where a recording has no schedule), so that one
slow answer hides no other.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import Attempt
from firedrill.experiments.judge.outages import Outage
from firedrill.experiments.judge.schema import During, Felt, Level
from firedrill.experiments.judge.spans import SECOND, Span, covered, ms

BASELINE = 10 * SECOND  # the users' rate before the fault is the mean over so long
WINDOW, STRIDE, RECOVERED = 2 * SECOND, SECOND // 10, 0.95
METHODS = {"write": "POST", "read": "GET"}
SHARES = {"p50": 0.50, "p95": 0.95}


@dataclass(frozen=True)
class Requests:
    """Requests of one kind, found by when they were due and by when they ended."""

    attempts: tuple[Attempt, ...]  # by end

    @cached_property
    def _ends(self) -> list[int]:
        return [attempt.t for attempt in self.attempts]

    @cached_property
    def _by_due(self) -> list[Attempt]:
        return sorted(self.attempts, key=lambda attempt: attempt.due)

    @cached_property
    def _dues(self) -> list[int]:
        return [attempt.due for attempt in self._by_due]

    def due(self, spans: Sequence[Span]) -> list[Attempt]:
        """Those that were due in one of the spans, which must not overlap."""
        return [attempt for span in spans for attempt in self._by_due[_slice(self._dues, span)]]

    def ended(self, spans: Sequence[Span]) -> list[Attempt]:
        """Those that ended in one of the spans, which must not overlap."""
        return [attempt for span in spans for attempt in self.attempts[_slice(self._ends, span)]]


def _slice(times: Sequence[int], span: Span) -> slice:
    """Where the sorted times are within the span."""
    return slice(bisect_left(times, span.begin), bisect_left(times, span.end))


@dataclass(frozen=True)
class Users:
    """The users of a run."""

    basis: Basis
    writes: Requests
    reads: Requests

    @cached_property
    def all(self) -> Requests:
        return Requests(self.basis.requests)

    def all_there(self) -> int | None:
        """From when on all users were there that there were before the fault; None without a sample of them."""
        fault = self.basis.fault_at
        samples = [(e["t"], e.get("users") or 0) for e in self.basis.rec.of("users", "alive")]
        before = [(t, count) for t, count in samples if fault and t < fault]
        most = max((count for _, count in before), default=0)
        return next((t for t, count in before if count == most), None)

    def felt(self, spans: Iterable[Span], *, backlog: bool = True) -> dict[str, Any]:
        """The fields of `Felt` in the spans; all None where users were not observed in one of them.

        Without `backlog` the rates leave out what ended in a span and was due before it.
        """
        apart, coverage = merged(spans), self.basis.coverage
        if not apart or not all(coverage.saw("users", span) for span in apart):
            return {}
        seconds = covered(apart) / SECOND
        found: dict[str, Any] = {}
        for kind, requests in (("write", self.writes), ("read", self.reads)):
            due = requests.due(apart)
            latencies = sorted(ms(attempt.t - attempt.due) for attempt in due if attempt.succeeded)
            ended = [a for a in requests.ended(apart) if a.succeeded and (backlog or not was_due_before(a, apart[0]))]
            found |= {
                f"{kind}_rate": round(len(ended) / seconds, 3) if seconds else None,
                **{f"{kind}_{name}_ms": quantile(latencies, share) for name, share in SHARES.items()},
                f"{kind}_worst_ms": max((ms(attempt.t - attempt.due) for attempt in due), default=None),
                f"{kind}_errors": sum(not attempt.succeeded for attempt in due),
            }
        return found


def users(basis: Basis) -> Users:
    kinds = {
        kind: Requests(tuple(attempt for attempt in basis.requests if attempt.method == method))
        for kind, method in METHODS.items()
    }
    return Users(basis, kinds["write"], kinds["read"])


def was_due_before(attempt: Attempt, span: Span) -> bool:
    """Whether a request was due before the span: what waited for long says nothing about the rate of now.

    False where a recording has no schedule.
    """
    return attempt.scheduled is not None and attempt.scheduled < span.begin


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans that do not overlap."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.begin <= found[-1].end:
            found[-1] = Span(found[-1].begin, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least value that `share` of all (sorted) do not exceed; None of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


# -- before, during, levels ------------------------------------------------------------------------------


def before(users: Users) -> Felt:
    """What users got in the up to 10 s before the first fault, from when all of them were there."""
    fault, since = users.basis.fault_at, users.all_there()
    if fault is None or since is None or fault - since < WINDOW:
        return Felt()
    return Felt(**users.felt([Span(max(since, fault - BASELINE), fault)], backlog=False))


def during(users: Users, was: Felt) -> During:
    """What users got while at least one fault was active, and their rates compared with those before."""
    spans = users.basis.faulty if users.basis.healed_at else ()
    found = users.felt(spans)
    return During(
        **found,
        write_ratio=_ratio(found.get("write_rate"), was.write_rate),
        read_ratio=_ratio(found.get("read_rate"), was.read_rate),
    )


def _ratio(now: float | None, then: float | None) -> float | None:
    return None if now is None or not then else round(now / then, 3)


def levels(users: Users) -> tuple[Level, ...]:
    """What users got at each level, in the run's order."""
    return tuple(
        Level(name=e["name"], from_=e["start"], to=e["t"], **users.felt([Span(e["start"], e["t"])]))
        for e in users.basis.rec.of("runner", "level")
    )


# -- recovery --------------------------------------------------------------------------------------------


def baseline(users: Users) -> float | None:
    """Mean rate of the users' successes over up to 10 s before the fault, with all of them there; None under 2 s.

    Only of those that were due in that time, or a backlog of the users' start would count as their rate. Over whole
    windows of the length that recovery is measured with, or users who act in step count once too often.
    """
    fault = users.basis.fault_at
    first = next((attempt.t for attempt in users.all.attempts if attempt.succeeded), None)
    if fault is None or first is None:
        return None
    lead = min(BASELINE, fault - max(users.all_there() or 0, first))
    lead -= lead % WINDOW
    if lead < WINDOW:
        return None
    span = Span(fault - lead, fault)
    if users.basis.coverage.blind("users", span):
        return None
    good = sum(a.succeeded and not was_due_before(a, span) for a in users.all.ended([span]))
    return good / (lead / SECOND)


def recover95_ms(users: Users, rate: float | None, writes: Outage) -> float | None:
    """From the first fault to the first of two successive 2 s windows with 95 % of the users' rate before it."""
    basis, fault = users.basis, users.basis.fault_at
    if fault is None or rate is None or not basis.coverage.started("users") or writes.state == "never":
        return None
    times = [attempt.t for attempt in users.all.attempts if attempt.succeeded]
    begin = recoveringbisect_left(basis, fault, writes)
    start = first_recovered(times, RECOVERED * rate * WINDOW / SECOND, begin)
    if start is None or basis.coverage.blind("users", Span(fault, start + 2 * WINDOW)):
        return None
    return ms(start - fault)


def recoveringbisect_left(basis: Basis, fault: int, writes: Outage) -> int:
    """When users may begin to recover: the end of an outage of writes over 1 s, else the first write that failed."""
    if writes.state == "seen" and writes.span and writes.is_long:
        return max(fault, writes.span.end)
    failed = (attempt.start for attempt in basis.probe_writes if not attempt.succeeded and attempt.t > fault)
    return max(fault, min(failed, default=fault))


def first_recovered(times: Sequence[int], need: float, begin: int) -> int | None:
    """The first start, every 0.1 s from `begin`, of two successive windows with at least `need` successes each."""
    wanted, start = math.ceil(need), begin
    while times and start < times[-1] - 2 * WINDOW + 1:
        marks = [bisect_left(times, start + number * WINDOW) for number in range(3)]
        if marks[1] - marks[0] >= need and marks[2] - marks[1] >= need:
            return start
        start += STRIDE
        if marks[1] - marks[0] < need:  # skip the starts whose window ends before it has enough of them
            enough = marks[0] + wanted - 1
            if enough >= len(times):
                return None
            start += max(0, (times[enough] - WINDOW - start) // STRIDE) * STRIDE
    return None


# -- errors ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Errors:
    """Requests of the entire run, and those that did not succeed; None if users were not observed throughout.

    None, too, if none of them asked for anything from the first fault on.
    """

    requests: int | None = None
    errors: int | None = None
    not_sent: int | None = None
    write: int | None = None
    read: int | None = None
    after_heal: int | None = None


def errors(users: Users) -> Errors:
    basis = users.basis
    asked = any(attempt.t > basis.window.begin for attempt in basis.requests)
    if not asked or not basis.coverage.saw("users", basis.window):
        return Errors()
    bad = {
        kind: [a for a in requests.attempts if not a.succeeded]
        for kind, requests in (("write", users.writes), ("read", users.reads))
    }
    healed = basis.healed_at
    after = None if healed is None else sum(a.start >= healed for row in bad.values() for a in row)
    return Errors(
        requests=len(basis.requests),
        errors=sum(not attempt.succeeded for attempt in basis.requests),
        not_sent=sum(not attempt.sent for attempt in basis.requests),
        write=len(bad["write"]),
        read=len(bad["read"]),
        after_heal=after,
    )
