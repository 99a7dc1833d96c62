"""A service's processes stopped by SIGSTOP: they still exist, their sockets stay open, and they do not respond."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults import processes, undo
from firedrill.faults.by_backend import ByBackend
from firedrill.faults.power.out_of_band import boot_mark
from firedrill.faults.process.of_process import OfProcess
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

SECONDS = 3


@dataclass(frozen=True)
class Freeze(OfProcess, ByBackend):
    """Stop all processes of `process` (patroni, postgres, etcd, haproxy, app or a unit's name) with SIGSTOP."""

    process: str = "postgres"
    backend: str = "own"

    name: ClassVar[str] = "freeze"

    def refuse_process(self, target: Target) -> None:
        super().refuse_process(target)
        pids = processes.find_all(self.process, target.host)
        text = f"for pid in $({pids}); do grep -E '^State:.T' /proc/$pid/status; done"
        if ssh.script(target.ssh, text, check=False):
            raise Refused(f"{target.host.name}: {self.process} is already stopped", "resume it first")

    def own_inject(self, target: Target) -> str:
        """Three times, since a listed process may have forked before it stopped. Recorded before they are stopped."""
        return (
            f"for round in 1 2 3; do pids=$({processes.find_all(self.process, target.host)})\n"
            f"echo $pids >> {undo.file(target, 'pids')}; kill -STOP $pids || [ $round -gt 1 ]; done"
        )

    def own_undo(self, target: Target) -> str:
        return (
            f"pids=$(cat {undo.file(target, 'pids')} 2>/dev/null | tr ' ' '\\n' | sort -u)\n"
            f"for pid in $pids; do kill -CONT $pid 2>/dev/null; done\n{self._count_text(target)}\n[ $stopped = 0 ]"
        )

    def _count_text(self, target: Target) -> str:
        """Sets `all` and `stopped`: how many of the processes exist, and how many are stopped."""
        return (
            f"all=0 stopped=0; for pid in $(cat {undo.file(target, 'pids')} 2>/dev/null | tr ' ' '\\n' | sort -u); do\n"
            "state=$(sed 's/.*) //; s/ .*//' /proc/$pid/stat 2>/dev/null) || continue\n"
            '[ -z "$state" ] && continue; all=$((all + 1)); case $state in T) stopped=$((stopped + 1));; esac; done'
        )

    def _count(self, target: Target) -> tuple[int, int]:
        shown = ssh.script(target.ssh, self._count_text(target) + "\necho $all $stopped")
        everyone, stopped = map(int, shown.split())
        return everyone, stopped

    def prove(self, target: Target) -> str:
        if not poll(lambda: 0 < (found := self._count(target))[0] == found[1], SECONDS):
            everyone, stopped = self._count(target)
            raise NotEffective(
                f"{target.host.name}: {stopped} of {everyone} processes of {self.process} are stopped", ""
            )
        return f"{target.host.name}: all {self._count(target)[0]} processes of {self.process} are stopped"

    def note(self, target: Target) -> dict[str, Any]:
        return super().note(target) | {"boot": boot_mark(target.ssh)}

    def own_lasts(self, target: Target) -> str:
        """None of them runs again. A watchdog that resets the host because of it is the fault's own effect."""
        if boot_mark(target.ssh) != target.before.get("boot"):
            return f"{target.host.name}: {self.process} was stopped until the host was reset"
        everyone, stopped = self._count(target)
        if not everyone or stopped < everyone:
            found = f"{stopped} of {everyone} processes are stopped" if everyone else "the stopped processes have ended"
            raise NotEffective(f"{target.host.name}: {self.process}: {found}", "")
        return f"{target.host.name}: all {everyone} processes of {self.process} are stopped"

    def prove_clean(self, target: Target) -> str:
        everyone, stopped = self._count(target)
        if stopped:
            raise NotClean(
                f"{target.host.name}: {stopped} of {everyone} processes of {self.process} are still stopped", ""
            )
        return f"{everyone} processes of {self.process} run again"

    def own_status(self, target: Target) -> str:
        everyone, stopped = self._count(target)
        return f"{stopped} of {everyone} processes of {self.process} are stopped"
