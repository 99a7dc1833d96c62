"""A service that stops for seconds, again and again, as its host does while it is snapshotted or starved."""

from dataclasses import dataclass

from firedrill.cluster import ssh
from firedrill.faults import processes, undo, unit
from firedrill.faults.process.loop import LEAST_S, MOST_S, Loop
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

MOST_TIMES = 1_000_000
RUNNING = "running"
UNDO = """\
systemctl stop {loop} 2>/dev/null
for try in $(seq 50); do
  [ "$(systemctl show -P FreezerState {unit})" = running ] && exit 0
  systemctl thaw {unit} 2>/dev/null
  sleep 0.1
done
exit 1
"""


@dataclass(frozen=True)
class FreezeLoop(Loop):
    """Freeze the unit of `process` (patroni, with its PostgreSQL) for `freeze_s` seconds, then run it for `run_s`.

    This repeats `times` times; 0: until it is healed.
    """

    process: str = "patroni"
    freeze_s: float = 2
    run_s: float = 4
    times: int = 0

    def check(self) -> None:
        super().check()
        for option, seconds in (("freeze", self.freeze_s), ("run", self.run_s)):
            if not LEAST_S <= seconds <= MOST_S:
                raise Refused(f"a {option} time of {seconds:g} s", f"give {LEAST_S} to {MOST_S} s")
        if not 0 <= self.times <= MOST_TIMES:
            raise Refused(f"{self.times} freezes", f"give 1 to {MOST_TIMES}, or 0 for no end")

    def unit(self, target: Target) -> str:
        return processes.unit(self.process, target.host)

    def refuse_process(self, target: Target) -> None:
        super().refuse_process(target)
        if (state := self._state(target)) != RUNNING:
            raise Refused(
                f"{target.host.name}: {self.unit(target)} is {state or 'unknown to systemd'}", "thaw it first"
            )

    def files(self, target: Target) -> dict[str, str]:
        service = self.unit(target)
        return {"sh": (
            f"left={self.times or -1}\n"
            f"while [ $left != 0 ] && systemctl freeze {service}; do echo >> {undo.file(target, 'frozen')}\n"
            f"sleep {self.freeze_s:g}; systemctl thaw {service}; sleep {self.run_s:g}; left=$((left - 1)); done\n"
            "[ $left != 0 ] || exec sleep infinity\n"
        )}  # fmt: skip

    def undo_text(self, target: Target) -> str:
        return UNDO.format(loop=unit.name(target), unit=self.unit(target))

    def prove(self, target: Target) -> str:
        """It was seen frozen: the file tells how often it was, systemd that it is."""
        seconds = 2 * (self.freeze_s + self.run_s) + 10
        if not poll(lambda: self._state(target) == "frozen", seconds, step=0.1):
            raise NotEffective(
                f"{target.host.name}: {self.unit(target)} was not seen frozen in {seconds:g} s, it is "
                f"{self._state(target)}",
                "does its kernel have the freezer of cgroup v2?",
            )
        return f"{target.host.name}: {self.unit(target)} is frozen, for the {self._frozen(target)}. time"

    def prove_clean(self, target: Target) -> str:
        if (state := self._state(target)) != RUNNING:
            raise NotClean(f"{target.host.name}: {self.unit(target)} is {state}", "heal it again")
        return f"{self.unit(target)} runs, it was frozen {self._frozen(target)} times"

    def status(self, target: Target) -> str:
        return f"{self.unit(target)} is {self._state(target)}, and was frozen {self._frozen(target)} times"

    def _state(self, target: Target) -> str:
        return str(ssh.sh(target.ssh, f"systemctl show -P FreezerState {self.unit(target)}", check=False))

    def _frozen(self, target: Target) -> int:
        shown = ssh.sh(target.ssh, f"cat {undo.file(target, 'frozen')} 2>/dev/null | wc -l", check=False)
        return int(shown or 0)
