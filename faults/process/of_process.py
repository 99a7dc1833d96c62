"""What the faults of processes share: the option `process`, and what they refuse."""

from typing import ClassVar

from firedrill.faults import processes
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import Target


class OfProcess(OnHost):
    """A fault with a field `process`: patroni, postgres, etcd, haproxy, keepalived, app, or a unit's name."""

    process: str

    kind: ClassVar[str] = "processes"
    touches: ClassVar[tuple[str, ...]] = ()  # its own process, which each fault proves to run again
    default_limit_s: ClassVar[float] = 60

    @property
    def may_lock_out(self) -> bool:  # type: ignore[override]
        """What is none of a role's processes may matter to SSH in ways that systemd does not know of."""
        return not processes.known(self.process)

    def check(self) -> None:
        processes.check(self.process)
        super().check()

    def refuse_host(self, target: Target) -> None:
        processes.refuse_vital(target, self.process)
        self.refuse_process(target)
        super().refuse_host(target)

    def refuse_process(self, target: Target) -> None:
        """Raises Refused where the host does not run it."""
        processes.refuse_absent(target, self.process)
