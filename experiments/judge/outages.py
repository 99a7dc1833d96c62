"""How long writes and reads were out after the first fault."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import Attempt
from firedrill.experiments.judge.gaps import SILENCE
from firedrill.experiments.judge.spans import Span, ms


@dataclass(frozen=True)
class Outage:
    """The longest time without success after the first fault.

    `seen`: it ended, and was observed throughout. `never`: it had not ended when the run did. `unseen`: not observed in
    full; `span`, if there is one, is then no measurement.
    """

    state: Literal["seen", "never", "unseen"]
    span: Span | None = None

    @property
    def ms(self) -> float | None:
        return ms(self.span.length) if self.state == "seen" and self.span else None

    @property
    def is_long(self) -> bool:
        """Whether it lasted for over 1 s."""
        return self.span is not None and self.span.length > SILENCE


def write_outage(basis: Basis) -> Outage:
    """The outage of writes as the write probe's client saw it: `rto_ms`."""
    return outage(basis, "write_probe", basis.probe_writes)


def read_outage(basis: Basis) -> Outage:
    """The outage of the users' GET requests: `read_outage_ms`."""
    return outage(basis, "users", [attempt for attempt in basis.requests if attempt.method == "GET"])


def outage(basis: Basis, observer: str, attempts: Sequence[Attempt]) -> Outage:
    """The longest gap between two successes that ends after the first fault, or that they never came back.

    Successes that stop for good (for over 1 s, and for longer than they ever paused before the fault) are an outage
    without an end, if attempts failed for so long, and were observed until the runner had waited for the steady state.
    """
    fault_at = basis.fault_at
    good = [attempt.t for attempt in attempts if attempt.succeeded]
    if fault_at is None or not basis.coverage.started(observer) or not good or good[0] > fault_at:
        return Outage("unseen")
    last_attempt = attempts[-1].t
    tail = Span(good[-1], max(last_attempt, basis.window.end))
    spans = (Span(a, b) for a, b in pairwise(good[: bisect_left(good, fault_at)]))
    pauses = [span.length for span in spans if not basis.coverage.blind(observer, span)]
    longest = max([SILENCE, *pauses])
    if tail.length > longest:
        tried = last_attempt - good[-1] > longest
        waited = basis.after is not None
        return Outage("never" if tried and waited and not basis.coverage.blind(observer, tail) else "unseen", tail)
    gap = longest_gap(good, fault_at)
    if gap is None or basis.coverage.blind(observer, gap):
        return Outage("unseen", gap)
    return Outage("seen", gap)


def longest_gap(good: Sequence[int], fault_at: int) -> Span | None:
    """The longest time from one success to the next (sorted) that ends after the fault."""
    after = good[max(bisect_left(good, fault_at + 1) - 1, 0) :]
    return max((Span(a, b) for a, b in pairwise(after)), key=lambda gap: gap.length, default=None)
