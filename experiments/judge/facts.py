"""What a run recorded, typed: the parts of `Findings` that are facts and not figures.

All times are nanoseconds since the epoch. Every tuple is sorted by time unless its description says otherwise. A field
that was not recorded is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from firedrill.experiments.judge.spans import Span

MemberState = Literal["primary", "replica", "starting", "unreachable"]
Outcome = Literal["ok", "error", "acked", "failed", "unknown"]
FaultPhase = Literal[
    "inject", "effective", "not_effective", "still_effective", "lapsed", "unobserved", "heal", "clean", "not_clean"
]


@dataclass(frozen=True)
class Host:
    """A host of the inventory."""

    name: str
    address: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Tier:
    """Hosts that do the same job, for the picture of the cluster."""

    title: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What the `run` event records about the experiment, its load and the cluster."""

    t: int
    experiment: str
    title: str
    question: str | None
    hypothesis: str | None
    seed: int | None
    backend: str | None
    inventory: str | None
    system: str
    profile: Mapping[str, Any]
    versions: Mapping[str, str]
    front: str | None
    load: Mapping[str, Any]
    steps: tuple[str, ...]
    expectations: tuple[Mapping[str, Any], ...]
    hosts: tuple[Host, ...]
    databases: tuple[str, ...]
    coordinators: tuple[str, ...]
    proxies: tuple[str, ...]
    tiers: tuple[Tier, ...]
    machine: Mapping[str, Any] = field(default_factory=dict)  # of the controller: `cores`, `load_1m`
    quiet: bool = False  # whether the experiment injects no fault
    providers: Mapping[str, str] = field(default_factory=dict)  # by host: `nspawn`, `uml`; none for existing machines


@dataclass(frozen=True)
class Steady:
    """The last check of the steady state before or after the faults, and the roles recorded with it."""

    t: int
    phase: Literal["before", "after"]
    ok: bool
    leader: str | None
    sync_standbys: tuple[str, ...]
    epoch: int | str | None
    detail: str | None
    coordinator_leader: str | None = None
    address_holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaultEvent:
    """One event about a fault: a phase that it entered, and the exact commands or the evidence."""

    t: int
    id: int | str
    fault: str
    target: str | None
    host: str | None
    args: Mapping[str, Any]
    phase: FaultPhase
    detail: str | None


@dataclass(frozen=True)
class Fault:
    """An injected fault. `healed` is when its healing began, None where it was never healed."""

    id: int | str
    fault: str
    target: str | None
    host: str | None
    injected: int
    healed: int | None
    phases: tuple[FaultEvent, ...]

    @property
    def span(self) -> Span | None:
        """From the injection until healing began."""
        return None if self.healed is None else Span(self.injected, self.healed)

    @property
    def proven(self) -> bool:
        """Whether the fault was proven effective, before its healing began."""
        proofs = (event.t for event in self.phases if event.phase == "effective")
        return any(self.healed is None or t <= self.healed for t in proofs)

    @property
    def doubt(self) -> FaultEvent | None:
        """That its effect had ended before it was healed, or that nobody could see whether it had; None if it lasted.

        Momentary faults, and recordings of older versions, have no such event.
        """
        return next((event for event in self.phases if event.phase in ("lapsed", "unobserved")), None)

    @property
    def last_check(self) -> FaultEvent | None:
        """The last proof after healing that the host is clean, or not clean; None if healing did not get that far."""
        heals = [event.t for event in self.phases if event.phase == "heal"]
        checks = (event for event in reversed(self.phases) if event.phase in ("clean", "not_clean"))
        return next((event for event in checks if not heals or event.t >= heals[-1]), None)


@dataclass(frozen=True)
class Note:
    """A text and when it was recorded: of a `step` or a `note`."""

    t: int
    text: str


@dataclass(frozen=True)
class End:
    """How the run ended."""

    t: int
    ok: bool
    detail: str | None
    steps_done: bool = True


class Leadership(NamedTuple):
    """From `t` on this host held the leadership; None: nobody did."""

    t: int
    holder: str | None
    epoch: int | str | None


class SyncChange(NamedTuple):
    """From `t` on the cluster counted these hosts as synchronous standbys."""

    t: int
    standbys: tuple[str, ...]


class Attempt(NamedTuple):
    """A request of a user, or a write of the probe. `scheduled` is when it should have started, if that is known.

    The load generator does not send a request (`sent`) if too many are in progress, or if it is too slow itself.
    """

    method: str
    start: int
    t: int
    outcome: Outcome
    scheduled: int | None = None
    id: int | str | None = None
    server: str | None = None
    sent: bool = True

    @property
    def due(self) -> int:
        """When it should have started, as far as that is known."""
        return self.scheduled or self.start

    @property
    def succeeded(self) -> bool:
        return self.outcome in ("ok", "acked")


class NodeWrite(NamedTuple):
    """An attempt to write to one node, past the proxy."""

    host: str
    start: int
    t: int
    outcome: Outcome
    readonly: bool
    epoch: int | str | None


class MemberSample(NamedTuple):
    """What a member of the cluster reported."""

    t: int
    state: MemberState
    epoch: int | str | None
    lag: int | None


class RouteSample(NamedTuple):
    """The servers that a proxy sent writes to. None: the proxy did not answer."""

    t: int
    servers: tuple[str, ...] | None


class ServerChange(NamedTuple):
    """A proxy changed the status of a server in its route for writes."""

    t: int
    proxy: str
    server: str
    status: str


class TcpSample(NamedTuple):
    """What a host's kernel counted from `start` to `t`. Counts and `boot` are None while it was unreachable."""

    start: int
    t: int
    reachable: bool
    retransmits: int | None
    checksum_errors: int | None
    boot: str | None


class AgentSample(NamedTuple):
    """The fence's agent on a host: whether it acts (None while its host was unreachable), and whom its host refuses."""

    t: int
    alive: bool | None
    refusing: tuple[str, ...]


class Decision(NamedTuple):
    """What an agent of the fence decided about another host, or did."""

    t: int
    host: str
    what: str
    about: str | None
    detail: str | None


class LogLine(NamedTuple):
    """A line of a host's log, and the turning point that it is nearest to."""

    t: int
    host: str
    unit: str
    text: str
    times: int
    turn: str
    turn_t: int


class LinesLeftOut(NamedTuple):
    """How many lines of a host's log were left out around `t`."""

    t: int
    host: str
    lines: int


@dataclass(frozen=True)
class HostClock:
    """A host's clock minus the controller's, and by how much that may be wrong."""

    host: str
    offset_ms: float
    error_ms: float


@dataclass(frozen=True)
class Logs:
    """Excerpts of the hosts' logs. `silent`: host and error of each host that did not answer."""

    lines: tuple[LogLine, ...]
    left_out: tuple[LinesLeftOut, ...]
    clocks: tuple[HostClock, ...]
    silent: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TurningPoint:
    """A moment that matters, and what happened then."""

    t: int
    text: str


@dataclass(frozen=True)
class Gap:
    """A time in which an observer recorded no sample, of one host or at all, for longer than `limit` (ns).

    `started` is False where the observer never started: the gap is then the whole window. `cause`: its samples ended,
    its process did not run, or the controller was suspended; the last two are known outside of the window, too.
    `error`: what kept it from verifying the server, or logging in.
    """

    observer: str
    host: str | None
    span: Span
    limit: int
    started: bool
    cause: Literal["silent", "stalled", "suspended"] = "silent"
    error: str | None = None


@dataclass(frozen=True)
class ClockStep:
    """The controller's wall clock was stepped."""

    t: int
    size_ms: float


@dataclass(frozen=True)
class Pause:
    """A process of the run did not run at some time in the span; `process` is None where the controller was suspended.

    `size`: for how long, ns.
    """

    process: str | None
    span: Span
    size: int


class AlertTimes(NamedTuple):
    """When an alert entered each stage, ns."""

    pending: int | None = None
    fired: int | None = None
    delivered: int | None = None
    resolved: int | None = None
