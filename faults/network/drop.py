"""Silence: packets vanish, and whoever waits for an answer waits until a timeout of its own."""

from dataclasses import dataclass

from firedrill.faults.network import peers
from firedrill.faults.network.cut import FirewallCut
from firedrill.faults.network.firewall import DIRECTIONS, Cut
from firedrill.faults.protocol import Refused, Target


@dataclass(frozen=True)
class Drop(FirewallCut):
    """Silence: packets from and to `peers` (or all) and `ports` vanish, in `direction` in, out or both."""

    peers: str = ""
    ports: str = ""
    direction: str = "both"

    def check(self) -> None:
        peers.ports(self.ports)
        if self.direction not in DIRECTIONS:
            raise Refused(f"no direction {self.direction!r}", f"take one of {', '.join(DIRECTIONS)}")
        if not (self.peers or self.ports):
            raise Refused("neither peers nor ports are named", "give `--peers`, `--ports` or both; or take `partition`")

    def cuts(self, target: Target) -> list[Cut]:
        found = tuple(peers.addresses(target, self.peers))
        return [Cut(found, "drop", DIRECTIONS[self.direction], tuple(peers.ports(self.ports)))]
