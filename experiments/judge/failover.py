"""The turning points of the failover that followed the first fault, and the phases between them."""

from dataclasses import dataclass
from typing import Literal

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import Attempt
from firedrill.experiments.judge.schema import Phases
from firedrill.experiments.judge.spans import Span, ms

Phase = Literal["detect", "promote", "route"]


@dataclass(frozen=True)
class Failover:
    """The turning points of the failover after the first fault (ns); None where there was none, or it was not seen.

    `released`: the old leader's leadership ended. `promoted`: the new leader took its first write past the proxy.
    `routed`: it took its first write of a client, through the proxy.
    """

    fault: int | None = None
    released: int | None = None
    promoted: int | None = None
    routed: int | None = None
    old_leader: str | None = None
    new_leader: str | None = None

    @property
    def phases(self) -> tuple[tuple[Phase, Span], ...]:
        """The phases whose beginning and end are known, in order."""
        found: list[tuple[Phase, Span]] = []
        if self.fault is not None and self.released is not None:
            found.append(("detect", Span(self.fault, self.released)))
        if self.released is not None and self.promoted is not None:
            found.append(("promote", Span(self.released, self.promoted)))
        if self.promoted is not None and self.routed is not None:
            found.append(("route", Span(self.promoted, self.routed)))
        return tuple(found)


def failover(basis: Basis) -> Failover:
    """The failover that followed the first fault."""
    fault, leadership = basis.fault_at, basis.leadership
    old = leadership.holder(fault) if fault else None
    released = next((t for t, who, _ in leadership.history if fault and old and t > fault and who != old), None)
    if released is None:
        return Failover(fault=fault, old_leader=old)
    acks = (write for write in basis.node_writes if write.outcome == "acked" and write.start >= released)
    first = next((write for write in acks if write.host == leadership.holder(write.t)), None)
    routed = next((write.t for write in basis.probe_writes if _on_leader(write, basis, released)), None)
    promoted = min(first.start, routed or first.start) if first else None
    return Failover(fault, released, promoted, routed, old, first.host if first else None)


def _on_leader(write: Attempt, basis: Basis, released: int) -> bool:
    """Whether a write of the probe was acknowledged by whoever held the leadership then."""
    if not write.succeeded or write.t < released:
        return False
    return write.server is None or write.server == basis.leadership.holder(write.t)


def phases(basis: Basis, found: Failover, recover95_ms: float | None) -> Phases:
    """How the time from the fault to the first write on the new leader divides; None where it was not observed."""

    def part(begin: int | None, end: int | None, *observers: str) -> float | None:
        if begin is None or end is None:
            return None
        if any(basis.coverage.blind(name, Span(begin, end)) for name in observers):
            return None
        if "leadership" in observers and found.released and basis.leadership.late(found.released):
            return None
        return ms(end - begin)

    return Phases(
        detect_ms=part(found.fault, found.released, "leadership"),
        promote_ms=part(found.released, found.promoted, "leadership", "node_probe"),
        route_ms=part(found.promoted, found.routed, "node_probe", "write_probe"),
        recover95_ms=recover95_ms,
    )
