"""What an experiment is: data, with a few kinds of step and of expectation."""

from dataclasses import dataclass, field
from typing import Any

from faults.protocol import Fault


@dataclass(frozen=True)
class Wait:
    """Let time pass: `seconds`, and up to `jitter` (a timing, such as "loop_wait") more, drawn from the seed."""

    seconds: float
    jitter: str | None = None

    def __str__(self) -> str:
        return f"wait {self.seconds:g} s" + (f" and up to {self.jitter} more" if self.jitter else "")


@dataclass(frozen=True)
class Inject:
    """Inject a fault on a target."""

    fault: Fault
    target: str

    def __str__(self) -> str:
        return f"inject {self.fault} on {self.target}"


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


Step = Wait | Inject | UntilWrites | Heal | UntilWhole


@dataclass(frozen=True)
class Bound:
    """A limit in seconds made from the cluster's timings: ttl * `ttl` + loop_wait * `loop_wait` + `seconds`."""

    seconds: float = 0
    ttl: float = 0
    loop_wait: float = 0

    def ms(self, profile: dict[str, Any]) -> float:
        return 1000 * (self.seconds + self.ttl * profile["ttl"] + self.loop_wait * profile["loop_wait"])


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


@dataclass(frozen=True)
class Load:
    """Users of loadtests/weather.py; 0 for none."""

    users: int = 20

    def __str__(self) -> str:
        return f"{self.users} users" if self.users else "no users"


@dataclass(frozen=True)
class Experiment:
    """A drill. `cost_s` is about what it takes, in seconds; `observers` those that it needs beside the usual ones."""

    name: str
    title: str
    question: str
    hypothesis: str
    steps: tuple[Step, ...]
    expectations: tuple[Expect, ...]
    cost_s: float
    load: Load = field(default_factory=Load)
    observers: tuple[str, ...] = ()
