"""Hosts that cannot reach each other, in Jepsen's shapes.

A shape gives, for each host, the hosts whose packets it drops. Where both ends drop, the cut is symmetric; where one
end drops, that host receives nothing and its own packets still arrive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firedrill.cluster.systems import system_of
from firedrill.faults.network import peers
from firedrill.faults.network.cut import FirewallCut
from firedrill.faults.network.firewall import DIRECTIONS, Cut
from firedrill.faults.protocol import Refused, Target


def _halves(mine: int, count: int) -> list[int]:
    """The smaller half and the larger."""
    half = count // 2
    return list(range(half, count)) if mine < half else list(range(half))


def _bridge(mine: int, count: int) -> list[int]:
    """Two halves, and one host in the middle that reaches both."""
    middle = count // 2
    if mine == middle:
        return []
    return list(range(middle + 1, count)) if mine < middle else list(range(middle))


def _majorities_ring(mine: int, count: int) -> list[int]:
    """Each host reaches a majority, no two the same one: itself and its nearest on the ring."""
    reach = (count // 2 + 1) // 2
    near = {(mine + step) % count for step in range(-reach, reach + 1)}
    return [other for other in range(count) if other not in near]


# Among the hosts of the target: whose packets host `mine` of `count` drops; and the fewest hosts that make sense.
AMONG: dict[str, tuple[Callable[[int, int], list[int]], int]] = {
    "halves": (_halves, 2),
    "bridge": (_bridge, 3),
    "majorities_ring": (_majorities_ring, 4),
}
# Between each host of the target and its peers.
APART = ("isolate", "one_way", "clients_only")


@dataclass(frozen=True)
class Partition(FirewallCut):
    """Cut hosts off from each other.

    `shape` isolate: the target from `peers` (default all other hosts); one_way: the target receives nothing from them
    (`direction` in) or they receive nothing from it (out); clients_only: proxies and apps still reach it, the cluster
    does not; among the hosts of the target itself: halves, bridge, majorities_ring.
    """

    shape: str = "isolate"
    peers: str = ""
    direction: str = "in"

    def check(self) -> None:
        if self.shape not in (*APART, *AMONG):
            raise Refused(f"no shape {self.shape!r}", f"choose one of {', '.join((*APART, *AMONG))}")
        if self.direction not in ("in", "out"):
            raise Refused(f"no direction {self.direction!r}", "use in or out")
        if self.peers and self.shape not in ("isolate", "one_way"):
            raise Refused(f"the shape {self.shape} takes no peers", "leave `--peers` out, or use isolate")

    def cuts(self, target: Target) -> list[Cut]:
        sides = (self.direction,) if self.shape == "one_way" else DIRECTIONS["both"]
        cut = Cut(tuple(self._cut_off(target)), "drop", sides)
        return [cut] if cut.addresses else []

    def _cut_off(self, target: Target) -> list[str]:
        if self.shape == "clients_only":
            return _cluster(target)
        if self.shape in APART:
            return peers.addresses(target, self.peers)
        return peers.of_hosts(target, [target.together[other] for other in self._among(target)])

    def _among(self, target: Target) -> list[int]:
        shape, fewest = AMONG[self.shape]
        count = len(target.together)
        if count < fewest:
            raise Refused(f"{target.spec} is {count} hosts, {self.shape} wants {fewest}", "name a group, `group:etcd`")
        return shape(target.together.index(target.host), count)

    def refuse_host(self, target: Target) -> None:
        # The middle of a bridge is cut off from no host.
        if self.shape not in AMONG or self._among(target):
            super().refuse_host(target)

    def inject_text(self, target: Target) -> str:
        return super().inject_text(target) if self.cuts(target) else "true"

    def note(self, target: Target) -> dict[str, Any]:
        return super().note(target) | {"cut": bool(self.cuts(target))}

    def lasts(self, target: Target) -> str:
        return super().lasts(target) if target.before.get("cut", True) else f"{target.host.name}: reaches both sides"

    def prove(self, target: Target) -> str:
        return super().prove(target) if self.cuts(target) else f"{target.host.name}: reaches both sides"


def _cluster(target: Target) -> list[str]:
    """The addresses of the other hosts that run the database or its coordinator."""
    system = system_of(target.host)
    roles = {system.database_role, system.coordinator_role}
    hosts = target.access.inventory.hosts
    return peers.of_hosts(target, [host for host in hosts if set(host.roles) & roles])
