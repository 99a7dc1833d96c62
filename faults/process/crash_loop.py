"""A service that dies again and again."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import processes, undo
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll
from firedrill.faults.resource import load

PROVEN_KILLS = 2
BACK_SECONDS = 30


@dataclass(frozen=True)
class CrashLoop(OnHost):
    """Kill the main process of `process` (patroni, postgres, etcd, haproxy, app or a unit's name) every `every_s`."""

    process: str = "postgres"
    every_s: float = 2

    kind: ClassVar[str] = "processes"
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        processes.refuse_vital(self.process)
        if self.every_s < 0.1:
            raise Refused(f"a kill every {self.every_s:g} s", "give at least 0.1")

    def refuse_host(self, target: Target) -> None:
        processes.refuse_absent(target, self.process)

    def files(self, target: Target) -> dict[str, str]:
        return {"sh": (
            f"while sleep {self.every_s:g}; do pid=$({processes.find(self.process, target.host)})\n"
            f'[ "${{pid:-0}}" -gt 1 ] && kill -KILL $pid && echo $pid >> {undo.file(target, "killed")}; done\n'
        )}  # fmt: skip

    def inject_text(self, target: Target) -> str:
        return (
            f"systemd-run --quiet --collect --unit={load.unit(target)} --property=RuntimeMaxSec={target.limit_s:g} "
            f"sh {undo.file(target, 'sh')}"
        )

    def undo_text(self, target: Target) -> str:
        # A unit that died too often is not started again before that is forgotten.
        unit = processes.unit(self.process, target.host)
        return (
            f"systemctl stop {load.unit(target)} 2>/dev/null\nsystemctl reset-failed {unit} 2>/dev/null\n"
            f"systemctl start {unit}"
        )

    def prove(self, target: Target) -> str:
        seconds = PROVEN_KILLS * (self.every_s + 1) + 20
        if not poll(lambda: self._killed(target) >= PROVEN_KILLS, seconds, step=0.2):
            raise NotEffective(
                f"{target.host.name}: {self._killed(target)} kills in {seconds:g} s", "does it come back?"
            )
        return f"{target.host.name}: {self.process} was killed {self._killed(target)} times, another one each time"

    def prove_clean(self, target: Target) -> str:
        if not poll(lambda: processes.running(target, self.process), BACK_SECONDS, step=0.2):
            raise NotClean(f"{target.host.name}: no {self.process} {BACK_SECONDS} s after the last kill", "")
        return f"{self.process} runs again"

    def status(self, target: Target) -> str:
        return f"{self.process} was killed {self._killed(target)} times"

    def _killed(self, target: Target) -> int:
        """Different processes, so that one that lives on is not counted twice."""
        shown = ssh.sh(target.ssh, f"sort -u {undo.file(target, 'killed')} 2>/dev/null", check=False)
        return len(shown.split())
