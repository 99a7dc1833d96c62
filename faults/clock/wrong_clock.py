"""What `clock_jump` and `clock_drift` share: a program on the host sets its clock wrong, and can set it right."""

from importlib.resources import files
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, state, undo
from firedrill.faults.on_host import OnHost
from firedrill.faults.power.out_of_band import boot_mark
from firedrill.faults.protocol import NotClean, Refused, Target

TOLERANCE_S = 0.3


class Clock(OnHost):
    """A fault of the clock. It has to give `arguments`."""

    kind: ClassVar[str] = "time"
    touches: ClassVar[tuple[str, ...]] = state.CLOCK
    default_limit_s: ClassVar[float] = 60

    def arguments(self) -> tuple[str, str]:
        """The arguments of programs/clock.py: the verb, and how much."""
        raise NotImplementedError

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "own_kernel", "python3")
        if other := ssh.sh(target.ssh, f"ls {undo.FOLDER}/*.clock 2>/dev/null", check=False):
            raise Refused(f"{target.host.name}: its clock is already wrong ({other.split('/')[-1]})", "heal that first")

    def note(self, target: Target) -> dict[str, Any]:
        return {"clock": state.clock_reading(target.ssh), "boot": boot_mark(target.ssh)}

    def lasts(self, target: Target) -> str:
        """A reset sets the clock right. A watchdog that resets the host because of it is the fault's own effect."""
        if boot_mark(target.ssh) != target.before.get("boot"):
            return f"{target.host.name}: the clock was wrong until the host was reset"
        return self.prove_wrong(target)

    def prove_wrong(self, target: Target) -> str:
        """Evidence that the clock is wrong still; by default the proof again. Raises NotEffective."""
        return self.prove(target)

    def files(self, target: Target) -> dict[str, str]:
        return {"py": files("firedrill.faults.programs").joinpath("clock.py").read_text()}

    def inject_text(self, target: Target) -> str:
        verb, much = self.arguments()
        return f"python3 {undo.file(target, 'py')} {verb} {undo.file(target, 'clock')} {much}"

    def undo_text(self, target: Target) -> str:
        # Without its program, nothing was injected yet or all is undone.
        program = undo.file(target, "py")
        return f"[ ! -e {program} ] || python3 {program} undo {undo.file(target, 'clock')}"

    def off(self, target: Target) -> float:
        """By how many seconds the clock is off, compared with before."""
        return state.clock_moved(target.before["clock"], state.clock_reading(target.ssh))

    def prove_clean(self, target: Target) -> str:
        off = self.off(target)
        if abs(off) > TOLERANCE_S:
            raise NotClean(f"{target.host.name}: the clock is off by {off:+.2f} s", "set it by NTP")
        return f"the clock is right within {abs(off) * 1000:.0f} ms"

    def status(self, target: Target) -> str:
        return f"the clock is off by {self.off(target):+.2f} s"
