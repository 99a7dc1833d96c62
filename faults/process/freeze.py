"""A service's processes stopped in mid-air by SIGSTOP: alive for the kernel, its sockets open, and silent."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import chaosblade, processes, undo
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll
from firedrill.faults.resource import load

SECONDS = 3


@dataclass(frozen=True)
class Freeze(OnHost):
    """Stop all processes of `process` (patroni, postgres, etcd, haproxy, app or a unit's name) with SIGSTOP."""

    process: str = "postgres"
    backend: str = load.BACKEND

    kind: ClassVar[str] = "processes"
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        processes.refuse_vital(self.process)
        chaosblade.check(self.backend, load.BACKEND)

    def refuse_host(self, target: Target) -> None:
        processes.refuse_absent(target, self.process)
        pids = processes.find_all(self.process, target.host)
        text = f"for pid in $({pids}); do grep -E '^State:.T' /proc/$pid/status; done"
        if ssh.script(target.ssh, text, check=False):
            raise Refused(f"{target.host.name}: {self.process} is stopped already", "let it go on first")

        if self._by_blade:
            chaosblade.need(target, "process stop")

    @property
    def _by_blade(self) -> bool:
        return self.backend == chaosblade.NAME

    def inject_text(self, target: Target) -> str:
        """Thrice, since what was listed may have forked before it stopped. Written down before it is stopped."""
        file = undo.file(target, "pids")
        if self._by_blade:  # one experiment, and so once
            stop = chaosblade.create_text(target, "process stop --pid $(echo $pids | tr ' ' ',')")
            return f"pids=$({processes.find_all(self.process, target.host)})\necho $pids > {file}\n{stop}"
        return (
            f"for round in 1 2 3; do pids=$({processes.find_all(self.process, target.host)})\n"
            f"echo $pids >> {file}; kill -STOP $pids || [ $round -gt 1 ]; done"
        )

    def undo_text(self, target: Target) -> str:
        file = undo.file(target, "pids")
        first = f"{chaosblade.destroy_text(target)}\n" if self._by_blade else ""
        return (
            f"{first}pids=$(cat {file} 2>/dev/null | tr ' ' '\\n' | sort -u)\n"
            f"for pid in $pids; do kill -CONT $pid 2>/dev/null; done\n{self._count_text(target)}\n[ $stopped = 0 ]"
        )

    def _count_text(self, target: Target) -> str:
        """Sets `all` and `stopped`: how many of them live, and are stopped."""
        return (
            f"all=0 stopped=0; for pid in $(cat {undo.file(target, 'pids')} 2>/dev/null | tr ' ' '\\n' | sort -u); do\n"
            "state=$(sed 's/.*) //; s/ .*//' /proc/$pid/stat 2>/dev/null) || continue\n"
            '[ -z "$state" ] && continue; all=$((all + 1)); case $state in T) stopped=$((stopped + 1));; esac; done'
        )

    def _count(self, target: Target) -> tuple[int, int]:
        shown = ssh.script(target.ssh, self._count_text(target) + "\necho $all $stopped")
        whole, stopped = map(int, shown.split())
        return whole, stopped

    def prove(self, target: Target) -> str:
        if not poll(lambda: 0 < (found := self._count(target))[0] == found[1], SECONDS):
            whole, stopped = self._count(target)
            raise NotEffective(f"{target.host.name}: {stopped} of {whole} processes of {self.process} are stopped", "")
        return f"{target.host.name}: all {self._count(target)[0]} processes of {self.process} are stopped"

    def prove_clean(self, target: Target) -> str:
        whole, stopped = self._count(target)
        if stopped:
            raise NotClean(
                f"{target.host.name}: {stopped} of {whole} processes of {self.process} are stopped still", ""
            )
        return f"{whole} processes of {self.process} go on"

    def status(self, target: Target) -> str:
        whole, stopped = self._count(target)
        return f"{stopped} of {whole} processes of {self.process} are stopped"
