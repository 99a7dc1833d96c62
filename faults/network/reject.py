"""A refusal: TCP is answered with a reset, so that clients know at once."""

from dataclasses import dataclass

from firedrill.faults.network import peers
from firedrill.faults.network.cut import FirewallCut
from firedrill.faults.network.firewall import DIRECTIONS, Cut
from firedrill.faults.protocol import Refused, Target

ANY_PORT = "5432"


@dataclass(frozen=True)
class Reject(FirewallCut):
    """Answer TCP from and to `peers` (or all) and `ports` with a reset, in `direction` in, out or both."""

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
        return [
            Cut(
                found,
                "refuse",  # resets pass, ours above all: they go out to whom they are for
                DIRECTIONS[self.direction],
                tuple(peers.ports(self.ports)),
                protocols=("tcp",),
            )
        ]

    def probed_ports(self, target: Target) -> tuple[str, ...]:
        # A ping is no TCP; any port will do, since all are refused.
        return super().probed_ports(target) or (ANY_PORT,)
