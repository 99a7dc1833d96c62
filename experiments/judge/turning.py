"""The turning points of a run: each fault and its healing, the failover, the end of the outage, the steady state."""

from firedrill.experiments.judge.basis import Basis, basis
from firedrill.experiments.judge.facts import TurningPoint
from firedrill.experiments.judge.failover import Failover, failover
from firedrill.experiments.judge.outages import Outage, write_outage
from firedrill.experiments.judge.recording import Recording

FAULTS = {"inject": "injected", "lapsed": "no longer in effect", "heal": "healed"}


def turning_points(basis: Basis, found: Failover, writes: Outage) -> tuple[TurningPoint, ...]:
    """All of them, by time."""
    points = [
        TurningPoint(event.t, f"{event.fault.replace('_', ' ')} of {event.host}: {FAULTS[event.phase]}")
        for event in basis.fault_events
        if event.phase in FAULTS
    ]
    if found.released is not None:
        points.append(TurningPoint(found.released, f"{found.old_leader} no longer holds the leadership"))
        taken = next(((t, who) for t, who, _ in basis.leadership.history if t > found.released and who), None)
        points += [TurningPoint(taken[0], f"{taken[1]} takes the leadership")] if taken else []
    if found.promoted is not None:
        points.append(TurningPoint(found.promoted, f"{found.new_leader} takes its first write"))
    if writes.span and writes.is_long and writes.state == "seen":
        points.append(TurningPoint(writes.span.end, "writes are acknowledged again"))
    if basis.after:
        state = "is in its steady state again" if basis.after.ok else "is not in its steady state"
        points.append(TurningPoint(basis.after.t, f"the cluster {state}"))
    return tuple(sorted(points, key=lambda point: point.t))


def turning_points_of(rec: Recording) -> tuple[TurningPoint, ...]:
    """Those of a recording that has no end yet."""
    known = basis(rec)
    return turning_points(known, failover(known), write_outage(known))
