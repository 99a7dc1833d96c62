"""What the cluster did about the faults: changes of leader, sync standbys, and how it recovered."""

from dataclasses import dataclass

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.leadership import changes
from firedrill.experiments.judge.outages import Outage
from firedrill.experiments.judge.spans import Span, ms


@dataclass(frozen=True)
class Recovery:
    """The figures of the same names in a verdict."""

    leader_changes: int | None
    rejoin_ms: float | None
    sync_replaced_ms: float | None
    caught_up_ms: float | None
    caught_up_by: str | None
    down_after_ms: float | None
    back_after_heal_ms: float | None


def recovery(basis: Basis, writes: Outage) -> Recovery:
    caught_up_ms, caught_up_by = _caught_up(basis)
    down_after_ms, back_after_heal_ms = _around(basis, writes)
    return Recovery(
        leader_changes=_leader_changes(basis),
        rejoin_ms=_rejoin_ms(basis),
        sync_replaced_ms=_sync_replaced_ms(basis),
        caught_up_ms=caught_up_ms,
        caught_up_by=caught_up_by,
        down_after_ms=down_after_ms,
        back_after_heal_ms=back_after_heal_ms,
    )


def _leader_changes(basis: Basis) -> int | None:
    """How often another node took the leadership after the first fault.

    The observer goes on where it broke off, so that a gap hides no change from it.
    """
    unobserved = not basis.coverage.started("leadership") or basis.leadership.ends_unobserved(basis.window)
    if basis.fault_at is None or unobserved:
        return None
    return changes(basis.leadership.history, basis.fault_at)


def _rejoin_ms(basis: Basis) -> float | None:
    """From the beginning of the last healing until the cluster was in its steady state."""
    healed = basis.healed_at
    if healed is None:
        return None
    checks = (e for e in basis.rec.of("runner", "steady") if e["phase"] == "after" and e["ok"])
    return next((ms(e["t"] - healed) for e in checks if e["t"] >= healed), None)


def _caught_up(basis: Basis) -> tuple[float | None, str | None]:
    """From the beginning of the last healing until a node had caught up with the leader, and how it did."""
    healed = basis.healed_at
    if healed is None:
        return None, None
    found = (e for e in basis.rec.of("runner", "caught_up") if e["ok"] and e["t"] >= healed)
    return next(((ms(e["t"] - healed), e.get("by")) for e in found), (None, None))


def _sync_replaced_ms(basis: Basis) -> float | None:
    """From the first fault until the cluster no longer counted its host as a synchronous standby."""
    fault = basis.faults[0] if basis.faults else None
    if fault is None or fault.host is None or not basis.coverage.started("leadership"):
        return None
    known = [names for t, names in basis.leadership.sync if t <= fault.injected][-1:]
    if not known or fault.host not in known[0]:
        return None
    later = (t for t, names in basis.leadership.sync if t > fault.injected and fault.host not in names)
    gone = next(later, None)
    if gone is None or basis.leadership.late(gone):
        return None
    if basis.coverage.blind("leadership", Span(fault.injected, gone)):
        return None
    return ms(gone - fault.injected)


def _around(basis: Basis, writes: Outage) -> tuple[float | None, float | None]:
    """For how long writes went on after the fault before an outage of over 1 s, and when after healing it ended.

    None where there was no such outage; the latter also where it ended before healing began.
    """
    span = writes.span
    if span is None or basis.fault_at is None or writes.state == "unseen" or not writes.is_long:
        return None, None
    down, healed = ms(max(0, span.begin - basis.fault_at)), basis.healed_at
    if writes.state != "seen" or healed is None or not span.begin <= healed <= span.end:
        return down, None
    return down, ms(span.end - healed)
