"""Kill a service's main process with a signal; the host's own supervisors, or we, bring it back."""

from dataclasses import dataclass
from signal import Signals
from typing import Any, ClassVar

from firedrill.faults import chaosblade, processes
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll
from firedrill.faults.resource import load

SIGNALS = ("KILL", "TERM", "INT", "QUIT", "ABRT", "SEGV", "HUP")
GONE_SECONDS = 10
BACK_SECONDS = 60


@dataclass(frozen=True)
class Kill(OnHost):
    """Send `signal` to the main process of `process`: patroni, postgres, etcd, haproxy, app, or a unit's name."""

    process: str = "postgres"
    signal: str = "KILL"
    backend: str = load.BACKEND

    kind: ClassVar[str] = "processes"
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        chaosblade.check(self.backend, load.BACKEND)
        if self.signal not in SIGNALS:
            raise Refused(f"no signal {self.signal!r}", f"take one of {', '.join(SIGNALS)}")

    def refuse_host(self, target: Target) -> None:
        processes.refuse_absent(target, self.process)
        if self._by_blade:
            chaosblade.need(target, "process kill")

    @property
    def _by_blade(self) -> bool:
        return self.backend == chaosblade.NAME

    def note(self, target: Target) -> dict[str, Any]:
        pid = processes.pid(target, self.process)
        return {"pid": pid, "began": processes.began(target, pid)}

    def inject_text(self, target: Target) -> str:
        pid = f"$({processes.find(self.process, target.host)})"
        if self._by_blade:  # by its id: a name is sought as part of any command line
            words = f"process kill --pid {pid} --signal {Signals[f'SIG{self.signal}'].value}"
            return chaosblade.create_text(target, words)
        return f"kill -{self.signal} {pid}"

    def undo_text(self, target: Target) -> str:
        start = f"systemctl start {processes.unit(self.process, target.host)}"
        return f"{chaosblade.destroy_text(target)}\n{start}" if self._by_blade else start

    def prove(self, target: Target) -> str:
        pid, began = target.before["pid"], target.before["began"]
        if not poll(lambda: processes.began(target, pid) != began, GONE_SECONDS):
            raise NotEffective(
                f"{target.host.name}: {self.process} (pid {pid}) lives {GONE_SECONDS} s after SIG{self.signal}",
                "it may handle the signal; try KILL",
            )
        return f"{target.host.name}: {self.process} (pid {pid}) is gone"

    def prove_clean(self, target: Target) -> str:
        if not poll(lambda: processes.running(target, self.process), BACK_SECONDS, step=0.2):
            unit = processes.unit(self.process, target.host)
            raise NotClean(
                f"{target.host.name}: no {self.process} {BACK_SECONDS} s after `systemctl start {unit}`",
                f"look at `journalctl -u {unit}` there",
            )
        return f"{self.process} runs again (pid {processes.pid(target, self.process)})"

    def status(self, target: Target) -> str:
        pid = processes.pid(target, self.process)
        return f"{self.process} runs (pid {pid})" if processes.running(target, self.process) else f"no {self.process}"
