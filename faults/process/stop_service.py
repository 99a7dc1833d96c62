"""A service stopped in good order, and started again."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults import processes
from firedrill.faults.process.of_process import OfProcess
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

SECONDS = 10


@dataclass(frozen=True)
class StopService(OfProcess):
    """Stop the service of `process` (patroni, etcd, haproxy, app or a unit's name); heal by starting it."""

    process: str = "patroni"

    default_limit_s: ClassVar[float] = 120

    def unit(self, target: Target) -> str:
        return processes.unit(self.process, target.host)

    def refuse_process(self, target: Target) -> None:
        if (state := self._state(target)) != "active":
            raise Refused(
                f"{target.host.name}: {self.unit(target)} is {state or 'not there'}",
                f"it has {', '.join(target.host.roles)}",
            )

    def note(self, target: Target) -> dict[str, Any]:
        return {"stopped_at": self._stopped_at(target)}

    def inject_text(self, target: Target) -> str:
        # Without waiting: Patroni takes its time, and the injection is when the stop begins.
        return f"systemctl stop --no-block {self.unit(target)}"

    def undo_text(self, target: Target) -> str:
        return f"systemctl start {self.unit(target)}"

    def prove(self, target: Target) -> str:
        """Wait until it is down, or was: the undo at the limit may end a slow stop, and systemd knows of it."""
        seconds = min(ssh.RECOVERING_SECONDS, target.limit_s)
        if not poll(lambda: self._was_down(target), seconds):
            raise NotEffective(
                f"{target.host.name}: {self.unit(target)} is {self._state(target)} after {seconds:g} s",
                "a service that takes longer to stop needs a longer limit",
            )
        return f"{target.host.name}: {self.unit(target)} is {self._state(target)}"

    def lasts(self, target: Target) -> str:
        if (state := self._state(target)) not in ("inactive", "failed"):
            since = ssh.sh(target.ssh, f"systemctl show -P ActiveEnterTimestamp {self.unit(target)}", check=False)
            raise NotEffective(f"{target.host.name}: {self.unit(target)} is {state}, started at {since}", "")
        return f"{target.host.name}: {self.unit(target)} is {state}"

    def _was_down(self, target: Target) -> bool:
        down = self._state(target) in ("inactive", "failed")
        return down or self._stopped_at(target) != target.before["stopped_at"]

    def prove_clean(self, target: Target) -> str:
        if not poll(lambda: self._state(target) == "active", SECONDS):
            raise NotClean(
                f"{target.host.name}: {self.unit(target)} is {self._state(target)} {SECONDS} s after its start",
                f"look at `journalctl -u {self.unit(target)}` there",
            )
        return f"{self.unit(target)} is active again"

    def status(self, target: Target) -> str:
        return f"{self.unit(target)} is {self._state(target)}"

    def _stopped_at(self, target: Target) -> str:
        """When it last became inactive, by systemd's clock; 0 for never since boot."""
        return ssh.sh(target.ssh, f"systemctl show -P InactiveEnterTimestampMonotonic {self.unit(target)}")

    def _state(self, target: Target) -> str:
        return ssh.sh(target.ssh, f"systemctl show -P ActiveState {self.unit(target)}", check=False)
