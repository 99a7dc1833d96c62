"""etcd without a majority: it accepts no write until the majority is back."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster.systems import system_of
from firedrill.faults.network.partition import Partition
from firedrill.faults.on_host import OnHost
from firedrill.faults.power.pause import Pause
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.process.freeze import Freeze
from firedrill.faults.process.stop_service import StopService
from firedrill.faults.protocol import Fault, NotEffective, Refused, Target, Trigger, poll

MEANS: dict[str, Fault] = {
    "stop_service": StopService("etcd"),
    "freeze": Freeze("etcd"),
    "partition": Partition("isolate"),
    "power_cut": PowerCut(),
    "pause": Pause(),
}
SECONDS = 10


@dataclass(frozen=True)
class EtcdQuorumLoss:
    """Take down a majority of the etcd members, by `means` stop_service, freeze, partition, power_cut or pause."""

    means: str = "stop_service"

    systems: ClassVar[tuple[str, ...]] = ("patroni",)
    kind: ClassVar[str] = "cluster"
    default_limit_s: ClassVar[float] = 60

    @property
    def _by(self) -> Fault:
        if self.means not in MEANS:
            raise Refused(f"no means {self.means!r}", f"choose one of {', '.join(MEANS)}")
        return MEANS[self.means]

    @property
    def heals_itself_on_host(self) -> bool:
        return self._by.heals_itself_on_host

    @property
    def may_lock_out(self) -> bool:
        return self._by.may_lock_out

    def check(self) -> None:
        self._by.check()

    def refuse(self, target: Target) -> None:
        self.check()
        members = target.access.inventory.role("etcd")
        hit = [member.name for member in members if member in target.together]
        if target.host not in members:
            raise Refused(f"{target.host.name} is not an etcd member", "use `etcd:majority`")
        if len(hit) <= len(members) // 2:
            raise Refused(f"{len(hit)} of {len(members)} etcd members is not a majority", "use `etcd:majority`")
        self._by.refuse(target)
        if not _has_quorum(target):
            raise Refused("etcd already has no quorum", "repair it first")

    def snapshot(self, target: Target) -> dict[str, Any]:
        return self._by.snapshot(target)

    def commands(self, target: Target) -> list[str]:
        return self._by.commands(target)

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        self._by.arm(target, journal)

    def ready(self, target: Target) -> Trigger:
        return self._by.ready(target)

    def prove(self, target: Target) -> str:
        evidence = self._by.prove(target)
        if not poll(lambda: not _has_quorum(target), SECONDS, step=0.2):
            raise NotEffective(f"{evidence}; but etcd still has a quorum {SECONDS} s later", "")
        return f"{evidence}; etcd has no quorum"

    def still(self, target: Target) -> str | None:
        """By what keeps this member down: asking for a quorum that is not there would delay the healing by seconds."""
        return self._by.still(target)

    def heal(self, target: Target) -> str:
        return self._by.heal(target)

    def prove_healed(self, target: Target) -> str:
        return self._by.prove_healed(target) if isinstance(self._by, OnHost) else ""

    def status(self, target: Target) -> str:
        return f"{self._by.status(target)}; etcd has {'a' if _has_quorum(target) else 'no'} quorum"


def _has_quorum(target: Target) -> bool:
    return system_of(target.access.inventory).has_quorum(target.access)
