"""Kill a service's main process with a signal; the host's own supervisors, or we, bring it back."""

from dataclasses import dataclass
from typing import Any, ClassVar

from faults import remote, undo
from faults.protocol import NotClean, NotEffective, Refused, Target, poll

# What a role's process is called: the unit that runs it, and how its main process is found.
UNITS = {
    "patroni": "patroni.service",
    "postgres": "patroni.service",
    "etcd": "etcd.service",
    "haproxy": "haproxy.service",
    "app": "weather.service",
}
SIGNALS = ("KILL", "TERM", "INT", "QUIT", "ABRT", "SEGV", "HUP")
GONE_SECONDS = 10
BACK_SECONDS = 60


@dataclass(frozen=True)
class Kill:
    """Send `signal` to the main process of `process`: patroni, postgres, etcd, haproxy, app, or a unit's name."""

    process: str = "postgres"
    signal: str = "KILL"

    kind: ClassVar[str] = "processes"
    default_limit_s: ClassVar[float] = 60
    heals_itself_on_host: ClassVar[bool] = True

    @property
    def unit(self) -> str:
        return UNITS.get(self.process, self.process)

    @property
    def find(self) -> str:
        """The shell text that prints the process id."""
        if self.process == "postgres":
            return "head -1 $(ls /var/lib/postgresql/*/*/postmaster.pid) 2>/dev/null"
        return f"systemctl show -P MainPID {self.unit}"

    def refuse(self, target: Target) -> None:
        if self.signal not in SIGNALS:
            raise Refused(f"no signal {self.signal!r}", f"take one of {', '.join(SIGNALS)}")
        if target.connection is None:
            raise Refused(f"{target.host.name} does not answer SSH", "is it on?")
        if not self._running(target):
            raise Refused(f"{target.host.name} runs no {self.process}", f"it has {', '.join(target.host.roles)}")

    def snapshot(self, target: Target) -> dict[str, Any]:
        return {"pid": self._pid(target), "began": self._began(target, self._pid(target))}

    def commands(self, target: Target) -> list[str]:
        return [*undo.commands(target, f"systemctl start {self.unit}"), f"kill -{self.signal} $({self.find})"]

    def inject(self, target: Target) -> str:
        undo.arm(target, f"systemctl start {self.unit}")
        pid, began = target.before["pid"], target.before["began"]
        command = f"kill -{self.signal} {pid}"
        target.record("inject", command)
        remote.sh(target.connection, command)
        if not poll(lambda: self._began(target, pid) != began, GONE_SECONDS):
            raise NotEffective(
                f"{target.host.name}: {self.process} (pid {pid}) lives {GONE_SECONDS} s after SIG{self.signal}",
                "it may handle the signal; try KILL",
            )
        return f"{target.host.name}: {self.process} (pid {pid}) is gone"

    def heal(self, target: Target) -> str:
        remote.sh(target.connection, f"systemctl start {self.unit}", seconds=BACK_SECONDS)
        if not poll(lambda: self._running(target), BACK_SECONDS, step=0.2):
            raise NotClean(
                f"{target.host.name}: no {self.process} {BACK_SECONDS} s after `systemctl start {self.unit}`",
                f"look at `journalctl -u {self.unit}` there",
            )
        undo.disarm(target)
        return f"{target.host.name}: {self.process} runs again (pid {self._pid(target)})"

    def status(self, target: Target) -> str:
        pid = self._pid(target)
        return f"{self.process} runs (pid {pid})" if self._running(target) else f"no {self.process}"

    def _pid(self, target: Target) -> int:
        return int(remote.sh(target.connection, self.find, check=False) or 0)

    def _running(self, target: Target) -> bool:
        pid = self._pid(target)
        return bool(pid) and self._began(target, pid) is not None

    def _began(self, target: Target, pid: int) -> str | None:
        """The start time of a living process, in the kernel's ticks; a zombie is not one."""
        stat = remote.sh(target.connection, f"cat /proc/{pid}/stat 2>/dev/null", check=False)
        fields = stat.rsplit(")", 1)[-1].split()
        return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None
