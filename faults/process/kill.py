"""A service's main process killed by a signal; the host's own supervisors, or the undo, bring it back."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.faults import processes
from firedrill.faults.by_backend import ByBackend
from firedrill.faults.process.of_process import OfProcess
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

SIGNALS = ("KILL", "TERM", "INT", "QUIT", "ABRT", "SEGV", "HUP")
GONE_SECONDS = 10
BACK_SECONDS = 60


@dataclass(frozen=True)
class Kill(OfProcess, ByBackend):
    """Send `signal` to the main process of `process`: patroni, postgres, etcd, haproxy, app, or a unit's name."""

    process: str = "postgres"
    signal: str = "KILL"
    backend: str = "own"

    name: ClassVar[str] = "kill"

    def check(self) -> None:
        super().check()
        if self.signal not in SIGNALS:
            raise Refused(f"no signal {self.signal!r}", f"choose one of {', '.join(SIGNALS)}")

    def note(self, target: Target) -> dict[str, Any]:
        pid = processes.pid(target, self.process)
        return {"pid": pid, "began": processes.began(target, pid)}

    def own_inject(self, target: Target) -> str:
        return f"kill -{self.signal} $({processes.find(self.process, target.host)})"

    def own_undo(self, target: Target) -> str:
        return f"systemctl start {processes.unit(self.process, target.host)}"

    def prove(self, target: Target) -> str:
        pid, began = target.before["pid"], target.before["began"]
        if not poll(lambda: processes.began(target, pid) != began, GONE_SECONDS):
            raise NotEffective(
                f"{target.host.name}: {self.process} (pid {pid}) still runs {GONE_SECONDS} s after SIG{self.signal}",
                "it may handle the signal; try KILL",
            )
        return f"{target.host.name}: {self.process} (pid {pid}) is gone"

    def still(self, target: Target) -> str | None:
        """Momentary: whoever supervises the process may start another one."""
        return None

    def prove_clean(self, target: Target) -> str:
        if not poll(lambda: processes.running(target, self.process), BACK_SECONDS, step=0.2):
            unit = processes.unit(self.process, target.host)
            raise NotClean(
                f"{target.host.name}: no {self.process} {BACK_SECONDS} s after `systemctl start {unit}`",
                f"look at `journalctl -u {unit}` there",
            )
        return f"{self.process} runs again (pid {processes.pid(target, self.process)})"

    def own_status(self, target: Target) -> str:
        pid = processes.pid(target, self.process)
        return f"{self.process} runs (pid {pid})" if processes.running(target, self.process) else f"no {self.process}"
