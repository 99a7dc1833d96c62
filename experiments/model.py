"""What an experiment is: data, with a few kinds of step and of expectation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firedrill.faults.protocol import Fault

TIMINGS = ("ttl", "retry_timeout", "loop_wait")


@dataclass(frozen=True)
class Bound:
    """A time made from the cluster's timings: so many times each, and `seconds`."""

    seconds: float = 0
    ttl: float = 0
    loop_wait: float = 0
    retry_timeout: float = 0

    def __str__(self) -> str:
        times = ((getattr(self, name), name) for name in TIMINGS)
        words = [name if often == 1 else f"{often:g} {name}" for often, name in times if often]
        return " + ".join([*words, f"{self.seconds:g} s"] if self.seconds or not words else words)

    def ms(self, profile: Mapping[str, Any]) -> float:
        return 1000 * (
            self.seconds + sum(getattr(self, name) * profile[name] for name in TIMINGS if getattr(self, name))
        )


@dataclass(frozen=True)
class Wait:
    """Let time pass: `seconds`, and up to `jitter` (a timing, such as "loop_wait") more, drawn from the seed."""

    seconds: float
    jitter: str | None = None

    def __str__(self) -> str:
        return f"wait {self.seconds:g} s" + (f" and up to {self.jitter} more" if self.jitter else "")


@dataclass(frozen=True)
class UntilSinceFault:
    """Wait until so long after the first fault's harm, however long its proof took; at once where that is over.

    For what must be done before a lease ends: that runs from the harm.
    """

    time: Bound

    def __str__(self) -> str:
        return f"wait until {self.time} after the first fault"


@dataclass(frozen=True)
class Inject:
    """Inject a fault on a target; it heals by itself after `limit_s`, the fault's own limit where none is given.

    Beside the targets of faults/targets.py, `initial_leader` and `initial_replica:2` are what they were when the run
    began.
    """

    fault: Fault
    target: str
    limit_s: float | None = None
    max_hosts: int = 2
    allow_quorum_loss: bool = False

    def __str__(self) -> str:
        return f"inject {self.fault} on {self.target}" + (f" for {self.limit_s:g} s" if self.limit_s else "")


@dataclass(frozen=True)
class UntilWrites:
    """Wait until a write that began after this step is acknowledged. Not in time: go on; the judge will say."""

    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s for writes to return"


@dataclass(frozen=True)
class Heal:
    """Heal every fault of this run."""

    def __str__(self) -> str:
        return "heal"


@dataclass(frozen=True)
class UntilWhole:
    """Wait until the cluster is whole again: a leader, every replica streaming, a synchronous standby."""

    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s until the cluster is whole"


@dataclass(frozen=True)
class Switchover:
    """Planned work: hand the leadership over, to a standby that Patroni chooses. Recorded as a fault is."""

    within_s: float = 30

    def __str__(self) -> str:
        return "switch over to a standby"


@dataclass(frozen=True)
class WriteWal:
    """Have the leader write so much WAL."""

    mib: int

    def __str__(self) -> str:
        return f"write {self.mib} MiB of WAL on the leader"


@dataclass(frozen=True)
class Reinitialize:
    """Have a node throw its data away and take a new base copy, as `patronictl reinit` does."""

    target: str

    def __str__(self) -> str:
        return f"make {self.target} anew from a base copy"


@dataclass(frozen=True)
class Level:
    """A stretch of time that is measured by itself: a point of a curve, such as "5 % loss"."""

    name: str
    seconds: float

    def __str__(self) -> str:
        return f"measure {self.name} for {self.seconds:g} s"


@dataclass(frozen=True)
class UntilCaughtUp:
    """Wait until a node has all that the leader had when the step began; not in time: go on."""

    target: str
    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s until {self.target} has caught up"


Step = (
    Wait
    | UntilSinceFault
    | Inject
    | UntilWrites
    | Heal
    | UntilWhole
    | Switchover
    | WriteWal
    | Reinitialize
    | Level
    | UntilCaughtUp
)


@dataclass(frozen=True)
class Expect:
    """One expectation: a figure of the verdict, compared. A Bound becomes milliseconds of this cluster's profile."""

    name: str
    metric: str
    op: str
    wanted: Any

    def event(self, profile: dict[str, Any]) -> dict[str, Any]:
        wanted = self.wanted.ms(profile) if isinstance(self.wanted, Bound) else self.wanted
        return {"name": self.name, "metric": self.metric, "op": self.op, "wanted": wanted}


WEATHER_APP, EVENT_LOG = "loadtests/weather.py", "loadtests/events.py"
WEATHER = {"GET /cities": 5, "GET /forecasts": 5, "POST /forecasts": 10}
EVENTS = {"INSERT": 10, "SELECT": 10}


@dataclass(frozen=True)
class Load:
    """Users, as a locust file and its arrivals a second by name; no rates, no users. They give up after `timeout_s`."""

    file: str = WEATHER_APP
    rates: Mapping[str, int] = field(default_factory=lambda: WEATHER)
    timeout_s: float = 5

    @property
    def total(self) -> int:
        """Arrivals a second of all kinds."""
        return sum(self.rates.values())

    def __str__(self) -> str:
        return ", ".join(f"{rate} {name} a second" for name, rate in self.rates.items()) or "no users"


@dataclass(frozen=True)
class Needs:
    """What an inventory must have: so many hosts of a role, a floating address, power commands, and of every
    postgres host what faults/capability.py can try."""

    etcd: int = 1
    postgres: int = 2
    proxy: int = 0
    app: int = 0
    vip: bool = False
    power: tuple[str, ...] = ()
    kernel: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """A drill. `cost_s` is about what it takes, in seconds.

    `settings` are set in Patroni's dynamic configuration before the load starts and restored afterwards, a Bound as
    whole seconds by the timings from before; with `one_proxy` clients go to the first proxy, as if there were no
    floating address. `observers` are those that it needs beside the usual ones.
    """

    name: str
    title: str
    question: str
    hypothesis: str
    steps: tuple[Step, ...]
    expectations: tuple[Expect, ...]
    cost_s: float
    load: Load = field(default_factory=Load)
    settings: Mapping[str, Any] = field(default_factory=dict)
    one_proxy: bool = False
    needs: Needs = field(default_factory=Needs)
    observers: tuple[str, ...] = ()

    def settings_of(self, profile: Mapping[str, Any]) -> dict[str, Any]:
        """The settings for a cluster with these timings."""
        return {
            name: round(value.ms(profile) / 1000) if isinstance(value, Bound) else value
            for name, value in self.settings.items()
        }
