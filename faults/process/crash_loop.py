"""A service that dies again and again."""

from dataclasses import dataclass

from firedrill.cluster import ssh
from firedrill.faults import processes, undo, unit
from firedrill.faults.process.loop import LEAST_S, MOST_S, Loop
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

PROVEN_KILLS = 2
BACK_SECONDS = 30


@dataclass(frozen=True)
class CrashLoop(Loop):
    """Kill the main process of `process` (patroni, postgres, etcd, haproxy, app or a unit's name) every `every_s` s."""

    process: str = "postgres"
    every_s: float = 2

    def check(self) -> None:
        super().check()
        if not LEAST_S <= self.every_s <= MOST_S:
            raise Refused(f"a kill every {self.every_s:g} s", f"give {LEAST_S} to {MOST_S} s")

    def files(self, target: Target) -> dict[str, str]:
        return {"sh": (
            f"while sleep {self.every_s:g}; do pid=$({processes.find(self.process, target.host)})\n"
            f'[ "${{pid:-0}}" -gt 1 ] && kill -KILL $pid && echo $pid >> {undo.file(target, "killed")}; done\n'
        )}  # fmt: skip

    def undo_text(self, target: Target) -> str:
        # A unit that hit its start limit is not started before that is reset.
        service = processes.unit(self.process, target.host)
        return (
            f"systemctl stop {unit.name(target)} 2>/dev/null\nsystemctl reset-failed {service} 2>/dev/null\n"
            f"systemctl start {service}"
        )

    def prove(self, target: Target) -> str:
        seconds = PROVEN_KILLS * (self.every_s + 1) + 20
        if not poll(lambda: self._killed(target) >= PROVEN_KILLS, seconds, step=0.2):
            raise NotEffective(
                f"{target.host.name}: {self._killed(target)} kills in {seconds:g} s", "does its service restart it?"
            )
        return f"{target.host.name}: {self.process} was killed {self._killed(target)} times, a new process each time"

    def prove_clean(self, target: Target) -> str:
        if not poll(lambda: processes.running(target, self.process), BACK_SECONDS, step=0.2):
            raise NotClean(f"{target.host.name}: no {self.process} {BACK_SECONDS} s after the last kill", "")
        return f"{self.process} runs again"

    def status(self, target: Target) -> str:
        return f"{self.process} was killed {self._killed(target)} times"

    def _killed(self, target: Target) -> int:
        """Different processes, so that one that survived is not counted twice."""
        shown = ssh.sh(target.ssh, f"sort -u {undo.file(target, 'killed')} 2>/dev/null", check=False)
        return len(shown.split())
