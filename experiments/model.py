"""What an experiment is: data. The kinds of step are in experiments/steps.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from firedrill.cluster.system import System
from firedrill.faults.protocol import Fault
from firedrill.inventories import profiles
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


class Bound:
    """A duration made of the cluster's own timings: `seconds`, plus a multiple of each: Bound(4, ttl=1) is ttl + 4 s.

    The timings are those of a profile (docs/durability.md), in seconds: `ttl`, `loop_wait`, `retry_timeout`, ...
    """

    def __init__(self, seconds: float = 0, **factors: float) -> None:
        self.seconds = seconds
        self.factors = factors

    def __str__(self) -> str:
        terms = [name if factor == 1 else f"{factor:g} {name}" for name, factor in self.factors.items()]
        return " + ".join([*terms, f"{self.seconds:g} s"] if self.seconds or not terms else terms)

    def __repr__(self) -> str:
        return f"Bound({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bound) and (self.seconds, self.factors) == (other.seconds, other.factors)

    def __hash__(self) -> int:
        return hash((self.seconds, *sorted(self.factors.items())))

    def ms(self, profile: Mapping[str, Any]) -> float:
        """The duration in milliseconds, for a cluster with these timings (s). Raises Problem if one is missing."""
        if lacking := [name for name in self.factors if not isinstance(profile.get(name), int | float)]:
            raise Problem(f"the cluster has no timing {', '.join(lacking)}", f"its timings are {', '.join(profile)}")
        return 1000 * (self.seconds + sum(factor * profile[name] for name, factor in self.factors.items()))


def fenced(profile: Mapping[str, Any]) -> bool:
    """Whether a cluster with this profile fences a leader whose host is silent, rather than wait for its lease."""
    return profile.get("fence", profiles.NO_FENCE) != profiles.NO_FENCE


class StepContext(Protocol):
    """What a step may use of its run. `first_fault` (ns) and `began_s` (seconds) count from the epoch."""

    access: Access
    system: System
    seed: int
    random: Random
    profile: Mapping[str, Any]
    began_s: float
    first_fault: int | None

    def tell(self, text: str) -> None:
        """Show a line of progress."""

    def note(self, text: str) -> None:
        """Show a line, and record it for the report."""

    def record(self, kind: str, *, host: str | None = None, t: int | None = None, **fields: Any) -> None:
        """Write an event of the source `runner`."""

    def named(self, target: str) -> str:
        """The target, with `initial_leader` and the like replaced by host names."""

    def inject(
        self, fault: Fault, target: str, *, limit_s: float | None, max_hosts: int, allow_quorum_loss: bool
    ) -> None:
        """Inject a fault and record it."""

    def heal(self) -> None:
        """Heal every fault of this run."""

    def wait_until_steady(self, phase: str, seconds: float) -> bool:
        """Wait for the steady state and record it; whether it was reached."""

    def wait_for_write(self, seconds: float) -> float | None:
        """Wait until a write that began after now is acknowledged; the seconds it took, None if none was in time."""

    def wait_for_alert(self, name: str, seconds: float) -> float | None:
        """Wait until an alert was delivered after the last injection; the seconds it took, None on timeout."""

    def wait_for_calm(self, seconds: float) -> float | None:
        """Wait until no alert is active that began in this run; the seconds it took, None if one still is."""


class Step(Protocol):
    """A frozen dataclass. `str(step)` is its text in progress lines and reports."""

    def carry_out(self, run: StepContext) -> None: ...


@dataclass(frozen=True)
class Expect:
    """One expectation: `metric`, a figure of the verdict (docs/verdict.md), compared by `op` with `wanted`.

    `name` states it in words. `op` is `<=`, `>=`, `==`, `!=` or `is` (equal, and of the same type). `wanted` is a
    value, the name of another figure, or a Bound, which becomes milliseconds by this cluster's profile.

    `if_coordinator_lost` replaces `wanted` if the first faults also hit the coordinator's leader: its successor renews
    every lease. `if_fenced` replaces the expectation on a cluster that fences a silent leader.
    """

    name: str
    metric: str
    op: str
    wanted: Any
    if_coordinator_lost: Bound | None = None
    if_fenced: "Expect | None" = None

    def event(self, profile: Mapping[str, Any]) -> dict[str, Any]:
        if self.if_fenced is not None and fenced(profile):
            return self.if_fenced.event(profile)
        wanted = self.wanted.ms(profile) if isinstance(self.wanted, Bound) else self.wanted
        lost = self.if_coordinator_lost
        more = {} if lost is None else {"if_coordinator_lost": lost.ms(profile)}
        return {"name": self.name, "metric": self.metric, "op": self.op, "wanted": wanted, **more}


@dataclass(frozen=True)
class ExpectAlert:
    """An alert that must be delivered, if the inventory has monitoring, within `within_s` seconds of its fault.

    `fault`: the number of the step that injects it, counted from 1 among these steps. `host`: the host that the alert
    must be about, or HIT for the one that the fault hits. `optional`: it may fire, but need not. `hold`: the next
    healing waits for it, since a condition that has ended raises no alert. `resolved_within_s`: its resolution must be
    delivered within this time after the healing.
    """

    name: str
    within_s: float | Bound = 30
    host: str | None = None
    fault: int = 1
    optional: bool = False
    hold: bool = True
    resolved_within_s: float | None = None

    def event(self, profile: Mapping[str, Any], name: str, step: int) -> dict[str, Any]:
        """Under the monitoring's own name, and with the number of its step."""
        bound = self.within_s if isinstance(self.within_s, Bound) else Bound(self.within_s)
        more = {} if self.resolved_within_s is None else {"resolved_within_ms": 1000 * self.resolved_within_s}
        known = {"name": name, "host": self.host, "within_ms": bound.ms(profile), "step": step}
        return known | {"optional": self.optional} | more


HIT = "hit"
WEATHER_APP, EVENT_LOG = "loadtests/weather.py", "loadtests/events.py"
WEATHER = {"GET /cities": 5, "GET /forecasts": 5, "POST /forecasts": 10}
EVENTS = {"INSERT": 10, "SELECT": 10}


@dataclass(frozen=True)
class Load:
    """The load: a locust file, and its arrivals per second by request name. Without rates there are no users.

    A request fails after `timeout_s` seconds.
    """

    file: str = WEATHER_APP
    rates: Mapping[str, int] = field(default_factory=lambda: WEATHER)
    timeout_s: float = 5

    @property
    def total(self) -> int:
        """Arrivals per second of all kinds."""
        return sum(self.rates.values())

    def __str__(self) -> str:
        return ", ".join(f"{rate} {name} a second" for name, rate in self.rates.items()) or "no users"


@dataclass(frozen=True)
class AbortWhen:
    """A stop condition: more than this share of the users' requests (0 to 1) failed in the last `within_s` seconds.

    The run then heals immediately. Its verdict is *unknown*, unless a write was lost or there were two primaries.
    """

    user_errors: float
    within_s: float = 10

    def __post_init__(self) -> None:
        if not 0 <= self.user_errors < 1:
            raise Problem(f"a limit of {self.user_errors:g} of the requests", "give a share from 0 to below 1")
        if not 1 <= self.within_s <= 3600:
            raise Problem(f"errors within {self.within_s:g} s", "give 1 to 3600 s")

    def __str__(self) -> str:
        return f"more than {100 * self.user_errors:g} % of the requests fail within {self.within_s:g} s"


@dataclass(frozen=True)
class Needs:
    """What an inventory must provide: numbers of hosts, a floating address, power commands, kernel features.

    `monitors`: hosts of the group `monitor`; an existing monitoring system counts as one. `coordinators` applies only
    if the system has a coordinator. `power`: commands that every host needs (`power_on`, ...). `kernel`: checks of
    faults/capability.py that every database host must pass. `data_mount`: a separate file system for the data on every
    database host. `fence`: the modes of the fence that the experiment is about; one of them must be set.
    """

    databases: int = 2
    monitors: int = 0
    coordinators: int = 1
    proxies: int = 0
    apps: int = 0
    vip: bool = False
    power: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()
    data_mount: bool = False
    fence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """A drill. `cost_s` is its approximate duration in seconds.

    `settings` are settings of the cluster, applied before the load starts and restored afterwards; a Bound becomes
    whole seconds, from the timings before the change. With `one_proxy` clients use only the first proxy, as if there
    were no floating address. `alerts` must be delivered, if there is monitoring. `observers` are needed in addition to
    the usual ones. `abort_when` ends it early. `backend` injects all its faults. `only_on` and `not_on` give, by the
    name of a database system, the reason why it applies only there, or not there.
    """

    name: str
    title: str
    question: str
    hypothesis: str
    steps: tuple[Step, ...]
    expectations: tuple[Expect, ...]
    cost_s: float
    alerts: tuple[ExpectAlert, ...] = ()
    load: Load = field(default_factory=Load)
    settings: Mapping[str, Any] = field(default_factory=dict)
    one_proxy: bool = False
    needs: Needs = field(default_factory=Needs)
    observers: tuple[str, ...] = ()
    abort_when: AbortWhen | None = None
    backend: str | None = None
    only_on: Mapping[str, str] = field(default_factory=dict)
    not_on: Mapping[str, str] = field(default_factory=dict)

    def settings_of(self, profile: Mapping[str, Any]) -> dict[str, Any]:
        """The settings for a cluster with these timings."""
        return {
            name: round(value.ms(profile) / 1000) if isinstance(value, Bound) else value
            for name, value in self.settings.items()
        }
