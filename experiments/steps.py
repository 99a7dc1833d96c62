"""The kinds of step of an experiment: one class each (its data, its text, how it is carried out), one row in STEPS."""

import time
from dataclasses import dataclass, fields

from firedrill.cluster import clock
from firedrill.experiments.model import Bound, Step, StepContext
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.cluster.switchover import Switchover as HandOver
from firedrill.faults.protocol import Fault
from firedrill.inventories.errors import Problem


@dataclass(frozen=True)
class Wait:
    """Let time pass: `seconds`, plus up to `jitter` (a timing, such as "loop_wait"), drawn from the seed."""

    seconds: float
    jitter: str | None = None

    def __str__(self) -> str:
        return f"wait {self.seconds:g} s" + (f" and up to {self.jitter} more" if self.jitter else "")

    def carry_out(self, run: StepContext) -> None:
        extra = run.random.uniform(0, run.profile[self.jitter]) if self.jitter else 0
        time.sleep(self.seconds + extra)
        if self.jitter:
            run.note(f"waited {extra:.3f} s of a {self.jitter} more (seed {run.seed})")


@dataclass(frozen=True)
class UntilAfterFault:
    """Wait until `time` after the first fault took effect. If that moment has passed, go on immediately.

    For actions that must come before a lease expires: the lease runs from the injection, not from its proof.
    """

    time: Bound

    def __str__(self) -> str:
        return f"wait until {self.time} after the first fault"

    def carry_out(self, run: StepContext) -> None:
        if run.first_fault is None:
            raise Problem("no fault was injected yet", "put this step after the first Inject")
        elapsed_ms = (clock.now() - run.first_fault) / 1e6
        time.sleep(max(0.0, self.time.ms(run.profile) - elapsed_ms) / 1000)


def _named(fault: Fault) -> str:
    """A fault as the `faults` command takes it: its name, its first option, and those that differ from the default."""
    name = next((name for name, kind in FAULTS.items() if kind is type(fault)), type(fault).__name__)
    given = [
        (field.name, value)
        for number, field in enumerate(fields(type(fault)))
        if (value := getattr(fault, field.name)) not in ("", "auto") and (number == 0 or value != field.default)
    ]
    return " ".join([name, *(f"--{key.replace('_', '-')} {value}" for key, value in given)])


@dataclass(frozen=True)
class Inject:
    """Inject a fault on a target. It heals by itself after `limit_s`, by default the fault's own limit.

    In addition to the targets of faults/targets.py, `initial_leader` and `initial_replica:2` name the hosts that had
    that role when the run began. `text` describes a fault whose options are too long to be read.
    """

    fault: Fault
    target: str
    limit_s: float | None = None
    max_hosts: int = 2
    allow_quorum_loss: bool = False
    text: str = ""

    def __str__(self) -> str:
        return f"inject {self.text or _named(self.fault)} on {self.target}" + (
            f" for {self.limit_s:g} s" if self.limit_s else ""
        )

    def carry_out(self, run: StepContext) -> None:
        run.inject(
            self.fault,
            self.target,
            limit_s=self.limit_s,
            max_hosts=self.max_hosts,
            allow_quorum_loss=self.allow_quorum_loss,
        )


@dataclass(frozen=True)
class UntilWrites:
    """Wait until a write that began after this step is acknowledged. On timeout go on: the judge decides."""

    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s for writes to return"

    def carry_out(self, run: StepContext) -> None:
        took = run.wait_for_write(self.within_s)
        result = "no write was acknowledged" if took is None else f"writes are back after {took:.2f} s"
        run.tell(f"{result} (waited up to {self.within_s:g} s)")


@dataclass(frozen=True)
class Heal:
    """Heal every fault of this run."""

    def __str__(self) -> str:
        return "heal"

    def carry_out(self, run: StepContext) -> None:
        run.heal()


@dataclass(frozen=True)
class UntilSteady:
    """Wait for the steady state: a leader, every replica streaming, a synchronous standby. On timeout go on."""

    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s for the steady state"

    def carry_out(self, run: StepContext) -> None:
        run.wait_until_steady("after", self.within_s)


@dataclass(frozen=True)
class Switchover:
    """Planned work: inject `switchover` on the leader. The cluster chooses the new one, unless `to` names it."""

    within_s: float = 30
    to: str = ""

    def __str__(self) -> str:
        return f"switch over to {self.to or 'a standby'}"

    def carry_out(self, run: StepContext) -> None:
        fault = HandOver(to=self.to, within_s=self.within_s)
        run.inject(fault, "leader", limit_s=None, max_hosts=1, allow_quorum_loss=True)


@dataclass(frozen=True)
class WriteLog:
    """Make the leader write this much transaction log (WAL). If the leader fails at it, note that and go on."""

    mib: int

    def __str__(self) -> str:
        return f"write {self.mib} MiB of transaction log on the leader"

    def carry_out(self, run: StepContext) -> None:
        try:
            run.note(run.system.write_log(run.access, self.mib))
        except Problem as problem:  # some drills are about a primary that fails here
            run.note(str(problem))


@dataclass(frozen=True)
class Reinitialize:
    """Make a node discard its data and take a new base copy."""

    target: str

    def __str__(self) -> str:
        return f"reinitialize {self.target} from a base copy"

    def carry_out(self, run: StepContext) -> None:
        name = run.named(self.target)
        run.note(f"{name}: {run.system.reinitialize(run.access, name)}")


@dataclass(frozen=True)
class Recover:
    """Do what an operator would have to do before the cluster works again, such as restoring a lost quorum."""

    def __str__(self) -> str:
        return "recover the cluster as an operator does"

    def carry_out(self, run: StepContext) -> None:
        for line in run.system.recover(run.access) or ["nothing to recover by hand"]:
            run.note(line)


@dataclass(frozen=True)
class Level:
    """A period that is measured separately: one point of a curve, such as "5 % loss"."""

    name: str
    seconds: float

    def __str__(self) -> str:
        return f"measure {self.name} for {self.seconds:g} s"

    def carry_out(self, run: StepContext) -> None:
        start = clock.now()
        time.sleep(self.seconds)
        run.record("level", name=self.name, start=start)


@dataclass(frozen=True)
class UntilCaughtUp:
    """Wait until a node has everything that the leader had when the step began. On timeout go on."""

    target: str
    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s until {self.target} has caught up"

    def carry_out(self, run: StepContext) -> None:
        name = run.named(self.target)
        took = run.system.until_caught_up(run.access, name, self.within_s)
        t, how = clock.now(), None
        if took is not None:
            try:
                how = run.system.how_it_came_back(run.access, name, run.began_s)
            except Problem as problem:  # not observed
                run.note(str(problem))
        run.record("caught_up", host=name, t=t, ok=took is not None, by=how)
        ways = f"has caught up by {how or 'unknown means'}"
        run.tell(f"{name}: {ways}" if took is not None else f"{name}: has not caught up in {self.within_s:g} s")


@dataclass(frozen=True)
class UntilAlert:
    """Wait until an alert was delivered after the last injection. On timeout go on: the judge decides."""

    name: str
    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s for the alert {self.name}"

    def carry_out(self, run: StepContext) -> None:
        took = run.wait_for_alert(self.name, self.within_s)
        run.tell(f"{self.name}: {'not delivered' if took is None else f'delivered after {took:.1f} s'}")


@dataclass(frozen=True)
class UntilCalm:
    """Wait until no alert is active any more that began in this run. On timeout go on."""

    within_s: float

    def __str__(self) -> str:
        return f"wait up to {self.within_s:g} s until no alert is active"

    def carry_out(self, run: StepContext) -> None:
        if run.wait_for_calm(self.within_s) is None:
            run.note(f"an alert was still active after {self.within_s:g} s")


# Every kind of step. A new one is a class above and a row here.
STEPS: dict[str, type[Step]] = {
    kind.__name__: kind
    for kind in (
        Wait,
        UntilAfterFault,
        Inject,
        UntilWrites,
        Heal,
        UntilSteady,
        Switchover,
        WriteLog,
        Reinitialize,
        Recover,
        Level,
        UntilCaughtUp,
        UntilAlert,
        UntilCalm,
    )
}
