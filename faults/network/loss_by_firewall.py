"""Packets lost at random by the firewall's statistic match, where the kernel has no netem."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults.network import addresses, firewall, peers
from firedrill.faults.network.firewall import DIRECTIONS, Cut
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotEffective, Target

PROBES = 250
PROBE_SECONDS = 15
# The measured share may differ by chance: four standard deviations for so many packets, and never less than 1 %.
SIGMAS = 4


@dataclass(frozen=True)
class LossByFirewall(OnHost):
    """Loss by the firewall."""

    percent: float = 30
    peers: str = ""
    ports: str = ""
    direction: str = "out"

    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60
    may_lock_out: ClassVar[bool] = True

    def refuse_host(self, target: Target) -> None:
        peers.refuse_ssh(target, self.ports)
        firewall.need(target, peers.addresses(target, self.peers), "statistic")

    def note(self, target: Target) -> dict[str, Any]:
        return addresses.note(target) | firewall.note(target, peers.addresses(target, self.peers), "statistic")

    def inject_text(self, target: Target) -> str:
        found = tuple(peers.addresses(target, self.peers))
        sides, ports = DIRECTIONS[self.direction], tuple(peers.ports_of(target, self.ports))
        cut = Cut(found, "drop", sides, ports, share=self.percent / 100)
        return firewall.inject_text(target, [cut], seen=True)

    def undo_text(self, target: Target) -> str:
        return firewall.undo_text(target)

    def prove(self, target: Target) -> str:
        self._send(target)
        seen, lost = self._measured(target)
        asked = self.percent / 100
        chance = SIGMAS * (asked * (1 - asked) / max(seen, 1)) ** 0.5
        if not seen or not lost or abs(lost / seen - asked) > max(chance, 0.01):
            raise NotEffective(
                f"{target.host.name}: asked for a loss of {self.percent:g} %, {lost} of {seen} packets were lost",
                "do the peers run?",
            )
        return (
            f"{target.host.name}: loss asked {self.percent:g} %, seen {lost / seen:.1%} of {seen} packets, "
            f"by the firewall ({target.before['firewall']})"
        )

    def _send(self, target: Target) -> None:
        """Send packets to the first peer that our rules match."""
        among = peers.addresses(target, self.peers)
        within = [one for found in peers.covered(target, among).values() for one in found]
        found = next((one for one in (*within, *among) if "/" not in one), None)
        if found and self.ports:
            family, port = "AF_INET6" if ":" in found else "AF_INET", peers.ports_of(target, self.ports)[0]
            text = (
                f"python3 -c 'import socket; link = socket.socket(socket.{family}, socket.SOCK_DGRAM)\n"
                f'for _ in range({PROBES}):\n  try: link.sendto(b"", ("{found}", {port}))\n'
                "  except OSError: pass'"
            )
        else:
            text = f"ping -n -q -i 0.002 -W 0.2 -c {PROBES} {found}"
        ssh.sh(target.ssh, text, seconds=PROBE_SECONDS, check=False)

    def _measured(self, target: Target) -> tuple[int, int]:
        """How many packets reached our rules, and how many of them were dropped."""
        rules = firewall.counters(target)
        return sum(one.packets for one in rules if not one.verdict), firewall.hits(target)

    def lasts(self, target: Target) -> str:
        return firewall.lasts(target)

    def status(self, target: Target) -> str:
        seen, lost = self._measured(target)
        return f"{lost} of {seen} packets lost" if seen else firewall.describe(target)
