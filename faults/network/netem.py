"""Faults of netem, proven by a stream of datagrams between the host and one of its peers."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.cluster.ssh import Connection
from firedrill.faults import capability
from firedrill.faults.by_backend import ByBackend
from firedrill.faults.network import addresses, peers, qdisc, stream
from firedrill.faults.network.firewall import DIRECTIONS, check_direction
from firedrill.faults.network.stream import Measured
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.state import NETEM
from firedrill.inventories.read import Host

BACKEND = "tc"
SIGMAS = 4


def check_percent(percent: float) -> None:
    """Raises Refused if it is not a share of the packets."""
    if not 0 < percent <= 100:
        raise Refused(f"{percent:g} % of the packets", "give more than 0 and at most 100")


def near(percent: float, part: int, whole: int) -> bool:
    """Whether `part` of the whole is that percentage, within what chance allows."""
    asked = percent / 100
    chance = SIGMAS * (asked * (1 - asked) / max(whole, 1)) ** 0.5
    return part > 0 and abs(part / whole - asked) <= max(chance, 0.02)


def with_before(target: Target, **more: Any) -> Target:
    return replace(target, before=target.before | more)


class Netem(ByBackend):
    """A fault that is one setting of netem. It has to give `netem`, `judge` and the fields below."""

    peers: str
    ports: str
    direction: str

    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60
    may_lock_out: ClassVar[bool] = True
    touches: ClassVar[tuple[str, ...]] = NETEM

    def netem(self) -> str:
        """The setting, in the words of `tc qdisc add ... netem`."""
        raise NotImplementedError

    def judge(self, seen: Measured) -> tuple[bool, str]:
        """Whether the measured stream shows the effect that was asked for, and the evidence."""
        raise NotImplementedError

    def probe(self) -> dict[str, Any]:
        """How the stream that measures it is sent, where that differs from stream.measure's defaults."""
        return {}

    def check(self) -> None:
        peers.ports(self.ports)
        check_direction(self.direction)
        super().check()

    def refuse_host(self, target: Target) -> None:
        sides = DIRECTIONS[self.direction]
        peers.refuse_ssh(target, self.ports)
        capability.need(target, "netem", "classful", "python3", *(["ifb"] if "in" in sides else []))
        found = peers.addresses(target, self.peers)
        super().refuse_host(target)
        qdisc.refuse_clash(target, found, peers.ports_of(target, self.ports), sides)

    def note(self, target: Target) -> dict[str, Any]:
        return addresses.note(target) | {
            "netem": {
                "device": self.device(target),
                "addresses": peers.addresses(target, self.peers),
                "ports": peers.ports_of(target, self.ports),
                "sides": list(DIRECTIONS[self.direction]),
            }
        }

    def device(self, target: Target) -> str:
        """The interface that leads to the peers. Raises Refused where it is not one."""
        return qdisc.device(target, peers.addresses(target, self.peers))

    def prove(self, target: Target) -> str:
        evidence = []
        witness, found = self._witness(target)
        with ssh.connect(witness) as peer:
            for side in DIRECTIONS[self.direction]:
                for address in found if side == "out" else [target.host.address]:
                    good, seen = self.judge(self._measure(target, peer, address, side))
                    if not good:
                        raise NotEffective(
                            f"{target.host.name}, {side}, with {witness.name} ({address}): {seen}",
                            "is the path lossy itself?",
                        )
                    evidence.append(f"{side} {seen}")
        return f"{target.host.name} and {witness.name}: {'; '.join(evidence)}"

    def _measure(self, target: Target, peer: Connection, address: str, side: str) -> Measured:
        port = int((peers.ports_of(target, self.ports) or ["0"])[0])
        source, sink = (target.ssh, peer) if side == "out" else (peer, target.ssh)
        return stream.measure(source, sink, address, port=port, **self.probe())

    def witness(self, target: Target) -> str:
        """An address of the peer that shows the effect."""
        return self._witness(target)[1][0]

    def _witness(self, target: Target) -> tuple[Host, list[str]]:
        """The peer that sends and receives for the proof, and those of its addresses that are treated."""
        for name, found in peers.covered(target, peers.addresses(target, self.peers)).items():
            host = target.access.inventory[name]
            if ssh.answers(host):
                return host, found
        raise NotEffective(
            f"{target.host.name}: none of its peers answers SSH to measure the effect", "name one of the inventory too"
        )


@dataclass(frozen=True)
class Share(Netem):
    """Something happens to `percent` of the packets. A fault of this kind gives `verb`, `noun` and `hit`."""

    percent: float = 10
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = BACKEND

    verb: ClassVar[str]  # netem's own word
    noun: ClassVar[str]

    def hit(self, seen: Measured) -> int:
        """How many datagrams it happened to."""
        raise NotImplementedError

    def detail(self, seen: Measured) -> str:
        """More evidence, in words."""
        return ""

    def check(self) -> None:
        super().check()
        check_percent(self.percent)

    def netem(self) -> str:
        return f"{self.verb} {self.percent:g}%"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        hit = self.hit(seen)
        evidence = f"{self.noun} asked {self.percent:g} %, seen {seen.share(hit)}{self.detail(seen)}"
        return near(self.percent, hit, seen.sent), evidence
