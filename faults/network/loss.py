"""Packets lost at random: by netem, or by the firewall where the kernel has no netem."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.faults import capability
from firedrill.faults.network import netem
from firedrill.faults.network.loss_by_firewall import LossByFirewall
from firedrill.faults.network.netem import Share
from firedrill.faults.network.stream import Measured
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import Refused, Target
from firedrill.faults.state import FIREWALL, NETEM

BY = ("auto", "netem", "firewall")


@dataclass(frozen=True)
class LossByNetem(Share):
    """Loss by netem."""

    percent: float = 30

    name: ClassVar[str] = "loss"
    verb: ClassVar[str] = "loss"
    noun: ClassVar[str] = "loss"

    def hit(self, seen: Measured) -> int:
        return seen.lost


@dataclass(frozen=True)
class Loss(OnHost):
    """Lose `percent` of the packets to and from `peers` (default all) and `ports`; `direction` in, out or both.

    `by` netem, firewall, or auto: the firewall where the kernel has no netem.
    """

    percent: float = 30
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    by: str = "auto"
    backend: str = netem.BACKEND

    name: ClassVar[str] = "loss"
    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60
    may_lock_out: ClassVar[bool] = True
    touches: ClassVar[tuple[str, ...]] = (*NETEM, *FIREWALL)

    @property
    def _by_netem(self) -> LossByNetem:
        return LossByNetem(self.percent, self.peers, self.ports, self.direction, self.backend)

    def _means(self, target: Target) -> OnHost:
        if (target.before.get("by") or self.by) == "firewall":
            return LossByFirewall(self.percent, self.peers, self.ports, self.direction)
        return self._by_netem

    def _chosen(self, target: Target) -> str:
        if self.by != "auto":
            return self.by
        if self.backend != netem.BACKEND:
            return "netem"
        return "firewall" if capability.missing(target, "netem", "classful") else "netem"

    def check(self) -> None:
        if self.by not in BY:
            raise Refused(f"{self.by!r} is not a way to lose packets", f"choose one of {', '.join(BY)}")
        if self.by == "firewall" and self.backend != netem.BACKEND:
            raise Refused(f"the backend {self.backend} by the firewall", f"{self.backend} loses packets by netem")
        self._by_netem.check()

    def refuse_host(self, target: Target) -> None:
        self._means(netem.with_before(target, by=self._chosen(target))).refuse_host(target)

    def note(self, target: Target) -> dict[str, Any]:
        by = self._chosen(target)
        return {"by": by} | self._means(netem.with_before(target, by=by)).note(target)

    def files(self, target: Target) -> dict[str, str]:
        return self._means(target).files(target)

    def inject_text(self, target: Target) -> str:
        return self._means(target).inject_text(target)

    def undo_text(self, target: Target) -> str:
        return self._means(target).undo_text(target)

    def prove(self, target: Target) -> str:
        return self._means(target).prove(target)

    def lasts(self, target: Target) -> str:
        return self._means(target).lasts(target)

    def prove_clean(self, target: Target) -> str:
        return self._means(target).prove_clean(target)

    def status(self, target: Target) -> str:
        return self._means(target).status(target)
