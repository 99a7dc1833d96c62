"""TCP on the hosts: segments sent again and checksum errors, before the faults and while they were active.

All of it is None where the run had no observer `tcp`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import TcpSample
from firedrill.experiments.judge.schema import Tcp, TcpHost, TcpRates
from firedrill.experiments.judge.spans import SECOND, Span

BEFORE = 10 * SECOND
Counter = Literal["retransmits", "checksum_errors"]
Samples = Sequence[TcpSample]


def tcp(basis: Basis, samples: Mapping[str, Samples]) -> Tcp | None:
    """Both counters on all hosts."""
    span = _active(basis)
    if not basis.coverage.started("tcp") or span is None:
        return None
    by_host = {host.name: samples.get(host.name, ()) for host in basis.run.hosts}
    blind = basis.coverage.blind("tcp", span)
    rebooted = sorted(host for host, row in by_host.items() if len(_boots(row, basis.window)) > 1)
    return Tcp(
        retransmits_during=None if blind else _total(by_host, "retransmits", span),
        checksum_errors_during=None if blind else _total(by_host, "checksum_errors", span),
        rebooted=None if basis.coverage.blind("tcp", basis.window) else tuple(rebooted),
        unfenced=_unfenced(basis, by_host),
        hosts={host: _host(row, span) for host, row in by_host.items()},
    )


def _active(basis: Basis) -> Span | None:
    """From the first fault until healing began, or until the end of the window."""
    if basis.fault_at is None:
        return None
    heals = (event.t for event in basis.fault_events if event.phase == "heal" and event.t > basis.fault_at)
    return Span(basis.fault_at, next(heals, basis.window.end))


def _host(samples: Samples, span: Span) -> TcpHost:
    before = Span(span.begin - BEFORE, span.begin)

    def rates(name: Counter) -> TcpRates:
        return TcpRates(
            before=_rate(samples, name, before), during=_rate(samples, name, span), worst=_worst(samples, name, span)
        )

    return TcpHost(retransmits=rates("retransmits"), checksum_errors=rates("checksum_errors"))


def _inside(samples: Samples, span: Span) -> list[TcpSample]:
    """The samples whose middle is in the span: each counts the second before it."""
    return [sample for sample in samples if span.begin <= (sample.start + sample.t) // 2 < span.end]


def _without_covered(samples: Samples, span: Span) -> list[TcpSample]:
    """The samples without those of times in which the host was unreachable and that a later sample covers.

    The kernel goes on counting: that later sample counts everything since the one before, if both are of one boot, and
    counts for the span alone if it lies within it.
    """
    if all(sample.reachable for sample in samples):
        return list(samples)
    reached = [sample for sample in samples if sample.reachable]
    complete = [
        Span(sample.start, sample.t)
        for last, sample in pairwise(reached)
        if last.boot == sample.boot and span.begin <= sample.start and sample.t <= span.end
    ]
    return [s for s in samples if s.reachable or not any(of.begin <= s.t <= of.end for of in complete)]


def _total(by_host: Mapping[str, Samples], name: Counter, span: Span) -> int | None:
    """How many on all hosts; None where a host was not observed, or was unreachable and no later sample covers that."""
    counts = [_sum(_inside(_without_covered(samples, span), span), name) for samples in by_host.values()]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _count(sample: TcpSample, name: Counter) -> int:
    return (sample.retransmits if name == "retransmits" else sample.checksum_errors) or 0


def _sum(samples: Samples, name: Counter) -> int | None:
    if not samples or not all(sample.reachable for sample in samples):
        return None
    return sum(_count(sample, name) for sample in samples)


def _rate(samples: Samples, name: Counter, span: Span) -> float | None:
    """How many a second, by the samples of the span alone: one across its edge also counts the other side."""
    inside = _inside(_without_covered(samples, span), span)
    alone = [sample for sample in inside if span.begin <= sample.start and sample.t <= span.end]
    number, lasted = _sum(alone, name), sum(sample.t - sample.start for sample in alone)
    return round(number / (lasted / SECOND), 2) if number is not None and lasted else None


def _worst(samples: Samples, name: Counter, span: Span) -> int | None:
    """The most in one sample."""
    return max((_count(sample, name) for sample in _inside(samples, span) if sample.reachable), default=None)


def _boots(samples: Samples, span: Span) -> set[str]:
    """The boots that were observed in the span."""
    return {s.boot for s in samples if s.reachable and s.boot is not None and span.begin <= s.t <= span.end}


def _unfenced(basis: Basis, by_host: Mapping[str, Samples]) -> int | None:
    """Whether (1 or 0) the old leader's host went on, with the kernel that it had, after another took the leadership.

    Only where the cluster requires a watchdog: without one nothing of the kind was promised, and it is 0.
    """
    fault = basis.fault_at
    if basis.run.profile.get("watchdog") != "required":
        return 0
    old = basis.leadership.holder(fault) if fault else None
    if fault is None or old is None or any(basis.coverage.blind(n, basis.window) for n in ("leadership", "tcp")):
        return None
    taken = next((t for t, who, _ in basis.leadership.history if t > fault and who not in (None, old)), None)
    if taken is None:
        return 0
    samples = by_host.get(old, ())
    before, after = (
        _boots(samples, Span(basis.rec.events[0]["t"], fault)),
        _boots(samples, Span(taken, basis.window.end)),
    )
    return int(bool(before & after)) if before and after else None
