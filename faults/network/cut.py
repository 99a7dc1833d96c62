"""What `partition`, `drop` and `reject` share: cuts in the firewall, proven by probes and by existing connections."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.faults.network import addresses, firewall, paths, peers
from firedrill.faults.network.firewall import DIRECTIONS, Cut, check_direction
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.state import FIREWALL

ROUNDS = 3  # of probes, while no packet has arrived: a network that another fault has made lossy may swallow some
SHOWN = 4  # paths that are still open


class FirewallCut(OnHost):
    """A fault that is a list of cuts."""

    touches: ClassVar[tuple[str, ...]] = FIREWALL
    may_lock_out: ClassVar[bool] = True
    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60

    def cuts(self, target: Target) -> list[Cut]:
        raise NotImplementedError

    def probed_ports(self, target: Target) -> tuple[str, ...]:
        """The ports that are probed; by ping where no ports are cut."""
        return next((cut.ports for cut in self.cuts(target) if cut.ports), ())

    def refuse_host(self, target: Target) -> None:
        found = _addresses(self.cuts(target))
        if not found:
            raise Refused(f"{target.host.name} would be cut off from no host", "name other peers or another shape")
        firewall.need(target, found, *self._needs(target))

    def _needs(self, target: Target) -> list[str]:
        return ["python3", *(["reject"] if any(cut.verdict != "drop" for cut in self.cuts(target)) else [])]

    def note(self, target: Target) -> dict[str, Any]:
        found = _addresses(self.cuts(target))
        return addresses.note(target) | firewall.note(target, found, *self._needs(target))

    def inject_text(self, target: Target) -> str:
        return firewall.inject_text(target, self.cuts(target))

    def undo_text(self, target: Target) -> str:
        return firewall.undo_text(target)

    def status(self, target: Target) -> str:
        return firewall.describe(target)

    def lasts(self, target: Target) -> str:
        """By the rules: the peers may be down by now."""
        return firewall.lasts(target)

    def prove(self, target: Target) -> str:
        """Nothing passes on any address, no connection that existed goes on, and our rules have dropped packets."""
        cuts = self.cuts(target)
        found = _addresses(cuts)
        ports = tuple(dict.fromkeys(port for cut in cuts for port in cut.ports))
        sides = {side for cut in cuts for side in cut.sides}
        for _ in range(ROUNDS):
            seen = paths.look(target, found, probed=self.probed_ports(target), ports=ports, sides=sides)
            hits = firewall.hits(target)
            if seen.through or hits:
                break
        if seen.through or not hits:
            why = "; ".join(seen.through[:SHOWN]) if seen.through else "its rules matched no packet"
            raise NotEffective(f"{target.host.name}: {why}", "do the peers run, and listen on these ports?")
        silent = "" if seen.silent is None else f", {seen.silent} connections silent"
        tcp = f"; TCP: {seen.tcp}" if seen.tcp else ""
        unseen = f"; from this end only, for {', '.join(seen.one_end)}" if seen.one_end else ""
        return f"{target.host.name}: cut off from {peers.names(target, found)}: {hits} packets hit{silent}{tcp}{unseen}"


@dataclass(frozen=True)
class PortCut(FirewallCut):
    """Traffic with some peers, on some ports. A fault of this kind gives its `verdict`, and may narrow `protocols`."""

    peers: str = ""
    ports: str = ""
    direction: str = "both"

    example: ClassVar[dict[str, str]] = {"ports": "5432"}
    verdict: ClassVar[str]
    protocols: ClassVar[tuple[str, ...]] = ()

    def check(self) -> None:
        peers.ports(self.ports)
        check_direction(self.direction)
        if not (self.peers or self.ports):
            raise Refused("neither peers nor ports are named", "give `--peers`, `--ports` or both; or use `partition`")

    def refuse_host(self, target: Target) -> None:
        peers.refuse_ssh(target, self.ports)
        super().refuse_host(target)

    def cuts(self, target: Target) -> list[Cut]:
        found, ports = tuple(peers.addresses(target, self.peers)), tuple(peers.ports_of(target, self.ports))
        return [Cut(found, self.verdict, DIRECTIONS[self.direction], ports, self.protocols)]


def _addresses(cuts: list[Cut]) -> list[str]:
    return list(dict.fromkeys(address for cut in cuts for address in cut.addresses))
