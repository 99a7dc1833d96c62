"""Packets lost at random: by netem, or by the firewall where the kernel has none."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.faults import capability, chaosblade
from firedrill.faults.network import netem
from firedrill.faults.network.loss_by_firewall import LossByFirewall
from firedrill.faults.network.stream import Measured
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import Refused, Target


@dataclass(frozen=True)
class LossByNetem(netem.Netem):
    """The way of netem."""

    percent: float = 30
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = netem.BACKEND

    def netem(self) -> str:
        return f"loss {self.percent:g}%"

    def blade(self) -> str:
        return f"loss --percent {chaosblade.whole(self.percent, 'percent')}"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        return netem.near(
            self.percent, seen.lost, seen.sent
        ), f"loss asked {self.percent:g} %, seen {seen.share(seen.lost)}"


@dataclass(frozen=True)
class Loss(OnHost):
    """Lose `percent` of the packets from and to `peers` (or all) and `ports`, in `direction` in, out or both.

    `by` netem, firewall, or auto: the firewall where the kernel has no netem.
    """

    percent: float = 30
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    by: str = "auto"
    backend: str = netem.BACKEND

    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60
    may_lock_out: ClassVar[bool] = True

    def _way(self, target: Target) -> OnHost:
        by = target.before.get("by") or self.by
        if by == "firewall":
            return LossByFirewall(self.percent, self.peers, self.ports, self.direction)
        return LossByNetem(self.percent, self.peers, self.ports, self.direction, self.backend)

    def _chosen(self, target: Target) -> str:
        if self.by != "auto":
            return self.by
        if self.backend == chaosblade.NAME:
            return "netem"
        return "firewall" if capability.missing(target, "netem", "classful") else "netem"

    def check(self) -> None:
        if self.by not in ("auto", "netem", "firewall"):
            raise Refused(f"no way {self.by!r} to lose packets", "take auto, netem or firewall")
        netem.check_percent(self.percent)
        if self.by == "firewall" and self.backend != netem.BACKEND:
            raise Refused(f"the backend {self.backend} by the firewall", "chaosblade loses packets by netem")
        LossByNetem(self.percent, self.peers, self.ports, self.direction, self.backend).check()

    def refuse_host(self, target: Target) -> None:
        self._way(netem.with_before(target, by=self._chosen(target))).refuse_host(target)

    def note(self, target: Target) -> dict[str, Any]:
        by = self._chosen(target)
        return {"by": by} | self._way(netem.with_before(target, by=by)).note(target)

    def files(self, target: Target) -> dict[str, str]:
        return self._way(target).files(target)

    def inject_text(self, target: Target) -> str:
        return self._way(target).inject_text(target)

    def undo_text(self, target: Target) -> str:
        return self._way(target).undo_text(target)

    def prove(self, target: Target) -> str:
        return self._way(target).prove(target)

    def prove_clean(self, target: Target) -> str:
        return self._way(target).prove_clean(target)

    def status(self, target: Target) -> str:
        return self._way(target).status(target)
