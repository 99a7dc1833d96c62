"""Everything that a verdict and a report rest on, computed once from a recording.

A figure that was not observed is None, never a guess or zero. All times are nanoseconds
since the epoch; every tuple is sorted by time unless its description says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from firedrill.experiments.judge import address, outages, primaries, recorded, users
from firedrill.experiments.judge.alerts import Alerts, alerts
from firedrill.experiments.judge.basis import basis
from firedrill.experiments.judge.facts import (
    AgentSample,
    Attempt,
    ClockStep,
    Decision,
    End,
    Fault,
    FaultEvent,
    Gap,
    Leadership,
    Logs,
    MemberSample,
    NodeWrite,
    Note,
    Pause,
    RouteSample,
    Run,
    ServerChange,
    Steady,
    SyncChange,
    TcpSample,
    TurningPoint,
)
from firedrill.experiments.judge.failover import Failover, failover, phases
from firedrill.experiments.judge.fence import fence
from firedrill.experiments.judge.gaps import NO_OBSERVERS
from firedrill.experiments.judge.lost_time import lost_ms
from firedrill.experiments.judge.membership import Membership
from firedrill.experiments.judge.outages import Outage
from firedrill.experiments.judge.prediction import Terms, coordinator_lost, prediction
from firedrill.experiments.judge.primaries import Overlap
from firedrill.experiments.judge.recording import Recording
from firedrill.experiments.judge.recovery import Recovery, recovery
from firedrill.experiments.judge.schema import (
    DualHolder,
    DualPrimary,
    During,
    Felt,
    Fence,
    Fork,
    Level,
    Phases,
    Prediction,
    Tcp,
)
from firedrill.experiments.judge.spans import Span
from firedrill.experiments.judge.tcp import tcp
from firedrill.experiments.judge.turning import turning_points
from firedrill.experiments.judge.users import Errors
from firedrill.experiments.judge.writes import Writes, writes


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
    broken_off: tuple[Note, ...]  # the errors that parts of the run raised
    membership: Membership
    left_changed: str | None  # which settings of the cluster were not restored
    # when
    began: int  # the first event
    ended: int  # the last event
    observed_from: int | None  # the first sample of an observer
    window: Span  # what must be observed without a gap
    fault_at: int | None  # the first injection
    healed_at: int | None  # when healing the last fault began; None where one was never healed
    gaps: tuple[Gap, ...]  # by observer
    clock_steps: tuple[ClockStep, ...]
    lost_ms: float | None  # how much time the controller lost, as the hosts' clocks show
    pauses: tuple[Pause, ...]  # when processes of the run did not run
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
    agents: Mapping[str, tuple[AgentSample, ...]]  # of the fence, by host; empty without one
    decisions: tuple[Decision, ...]  # of these agents
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
    holding: Mapping[str, tuple[Span, ...]]  # by proxy: when it provably held the floating address
    dual_holder_ms: float | None
    dual_holder: tuple[DualHolder, ...]
    diverged: int | None
    forks: tuple[Fork, ...]
    recovery: Recovery
    baseline: float | None  # successes of users a second before the fault
    felt_before: Felt
    felt_during: During
    levels: tuple[Level, ...]
    errors: Errors
    tcp: Tcp | None
    fence: Fence | None
    alerts: Alerts
    predicted: Prediction | None
    prediction_terms: Terms  # that add up to it
    coordinator_lost: bool | None  # whether the first faults hit the coordinator's leader

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


def find(rec: Recording) -> Findings:
    """Everything that the recording shows."""
    known = basis(rec)
    write_outage, found = outages.write_outage(known), failover(known)
    people = users.users(known)
    rate, felt_before = users.baseline(people), users.before(people)
    proofs = primaries.proofs(known.node_writes)
    overlaps, forks = primaries.overlaps(proofs), primaries.forks(known.node_writes)
    held = address.holding(known)
    splits = primaries.overlaps(held)
    samples, agents, decisions = recorded.tcp_samples(rec), recorded.agents(rec), recorded.decisions(rec)
    predicted, terms = prediction(known)
    return Findings(
        run=known.run,
        faults=known.faults,
        fault_events=known.fault_events,
        steps=recorded.notes(rec, "step"),
        notes=recorded.notes(rec, "note"),
        before=known.before,
        after=known.after,
        end=recorded.end(rec),
        broken_off=recorded.broken_off(rec),
        membership=known.membership,
        left_changed=recorded.left_changed(rec),
        began=rec.events[0]["t"],
        ended=rec.events[-1]["t"],
        observed_from=next((event["t"] for event in rec.events if event["source"] not in NO_OBSERVERS), None),
        window=known.window,
        fault_at=known.fault_at,
        healed_at=known.healed_at,
        gaps=known.coverage.gaps,
        clock_steps=recorded.clock_steps(rec),
        lost_ms=lost_ms(rec, known.faults),
        pauses=recorded.pauses(rec),
        turning_points=turning_points(known, found, write_outage),
        leadership=known.leadership.history,
        sync=known.leadership.sync,
        members=recorded.members(rec, known.run.databases),
        routes=recorded.routes(rec, known.run.proxies),
        server_changes=recorded.server_changes(rec),
        requests=known.requests,
        probe_writes=known.probe_writes,
        node_writes=known.node_writes,
        tcp_samples=samples,
        agents=agents,
        decisions=decisions,
        logs=recorded.logs(rec),
        failover=found,
        phases=phases(known, found, users.recover95_ms(people, rate, write_outage)),
        write_outage=write_outage,
        read_outage=outages.read_outage(known),
        writes=writes(known),
        writable={host: tuple(proof.span for proof in row) for host, row in proofs.items()},
        overlaps=overlaps,
        dual_primary_ms=primaries.dual_primary_ms(known, overlaps),
        dual_primary=primaries.dual_primary(overlaps),
        holding={host: tuple(proof.span for proof in row) for host, row in held.items()},
        dual_holder_ms=address.dual_holder_ms(known, splits),
        dual_holder=address.dual_holder(splits),
        diverged=primaries.diverged(known, forks),
        forks=forks,
        recovery=recovery(known, write_outage),
        baseline=rate,
        felt_before=felt_before,
        felt_during=users.during(people, felt_before),
        levels=users.levels(people),
        errors=users.errors(people),
        tcp=tcp(known, samples),
        fence=fence(known, agents, decisions),
        alerts=alerts(known),
        predicted=predicted,
        prediction_terms=terms,
        coordinator_lost=coordinator_lost(known),
    )
