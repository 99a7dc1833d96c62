"""Everything that a verdict and a report rest on, computed once from a recording.

A figure that was not observed is None, never a guess, and never zero because nobody looked. All times are nanoseconds
since the epoch; every tuple is sorted by time unless its description says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from firedrill.experiments.judge.facts import (
    Attempt,
    End,
    Fault,
    FaultEvent,
    Gap,
    Leadership,
    Logs,
    MemberSample,
    NodeWrite,
    Note,
    RouteSample,
    Run,
    ServerChange,
    Steady,
    SyncChange,
    TcpSample,
    TurningPoint,
)
from firedrill.experiments.judge.schema import (
    DualPrimary,
    During,
    Felt,
    Fork,
    Level,
    Phases,
    Prediction,
    Tcp,
)
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
    def phases(self) -> tuple[tuple[Literal["detect", "promote", "route"], Span], ...]:
        """The phases whose beginning and end are known, in order."""
        points = (
            ("detect", self.fault, self.released),
            ("promote", self.released, self.promoted),
            ("route", self.promoted, self.routed),
        )
        found: list[tuple[Literal["detect", "promote", "route"], Span]] = []
        for name, begin, end in points:
            if begin is not None and end is not None:
                found.append((name, Span(begin, end)))  # type: ignore[arg-type]
        return tuple(found)


@dataclass(frozen=True)
class Writes:
    """What became of the writes of the probe and of the users together, by the tables' content at the end.

    `hindered`: sentences about tables that could not be relied on.
    """

    acked: int | None
    failed: int | None
    unknown: int | None
    lost: int | None
    lost_ids: Mapping[str, tuple[int | str, ...]]
    ghost: int | None
    hindered: tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """A span in which two nodes provably took writes."""

    a: str
    b: str
    span: Span


@dataclass(frozen=True)
class Errors:
    """Attempts of users without success in the whole run."""

    requests: int | None
    errors: int | None
    write: int | None
    read: int | None
    after_heal: int | None


@dataclass(frozen=True)
class Cluster:
    """What the cluster did about the faults (ms)."""

    leader_changes: int | None
    rejoin_ms: float | None
    sync_replaced_ms: float | None
    caught_up_ms: float | None
    caught_up_by: str | None
    down_after_ms: float | None
    back_after_heal_ms: float | None


@dataclass(frozen=True)
class Findings:
    """One run: what was recorded, and every figure that is made of it."""

    # what was done
    run: Run
    faults: tuple[Fault, ...]  # by injection
    fault_events: tuple[FaultEvent, ...]
    steps: tuple[Note, ...]  # the steps as they were begun
    notes: tuple[Note, ...]
    before: Steady | None
    after: Steady | None
    end: End | None
    # when
    began: int  # the first event
    ended: int  # the last event
    observed_from: int | None  # the first sample of an observer
    window: Span  # what must be observed without a gap
    fault_at: int | None  # the first injection
    healed_at: int | None  # when healing the last fault began; None where one was never healed
    gaps: tuple[Gap, ...]  # by observer
    turning_points: tuple[TurningPoint, ...]
    # what was observed
    leadership: tuple[Leadership, ...]  # changes only
    sync: tuple[SyncChange, ...]
    members: Mapping[str, tuple[MemberSample, ...]]  # by host
    routes: Mapping[str, tuple[RouteSample, ...]]  # by proxy
    server_changes: tuple[ServerChange, ...]
    requests: tuple[Attempt, ...]  # of the users
    probe_writes: tuple[Attempt, ...]  # of the write probe, through the proxy
    node_writes: tuple[NodeWrite, ...]
    tcp_samples: Mapping[str, tuple[TcpSample, ...]]  # by host; empty without the observer
    logs: Logs
    # figures
    failover: Failover
    phases: Phases
    write_outage: Outage
    read_outage: Outage
    writes: Writes
    writable: Mapping[str, tuple[Span, ...]]  # by node: when it provably took writes
    overlaps: tuple[Overlap, ...]
    dual_primary_ms: float | None
    dual_primary: tuple[DualPrimary, ...]
    diverged: int | None
    forks: tuple[Fork, ...]
    cluster: Cluster
    baseline: float | None  # successes of users a second before the fault
    felt_before: Felt
    felt_during: During
    levels: tuple[Level, ...]
    errors: Errors
    tcp: Tcp | None
    predicted: Prediction | None
    # the terms that add up to the prediction, low and high in ms, by name
    prediction_terms: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def zero(self) -> int:
        """What the report counts seconds from: the first fault, else the beginning of the window."""
        return self.fault_at or self.window.begin

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The users' requests; where there are none, the write probe's writes."""
        return self.requests or self.probe_writes

    def holder_at(self, t: int) -> str | None:
        """Who held the leadership at a moment."""
        return next((change.holder for change in reversed(self.leadership) if change.t <= t), None)
