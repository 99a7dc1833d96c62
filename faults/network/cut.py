"""What `partition`, `drop` and `reject` share: cuts in the host's firewall, proven by probes."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults.network import firewall, peers
from firedrill.faults.network.firewall import DIRECTIONS, Cut, check_direction
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.state import FIREWALL

PROBE_SECONDS = 0.4
PROBED = 4  # hosts or ports; each costs a probe
ROUNDS = 3  # of probes, while no packet has arrived: a network that another fault has made lossy may swallow some
PING_PROBE = """
import subprocess, sys
for one in [subprocess.Popen(["ping", "-n", "-q", "-c", "3", "-i", "0.05", "-W", "0.3", a], stdout=-3, stderr=-3)
            for a in sys.argv[1:]]:
    one.wait()
"""
TCP_PROBE = f"""
import errno, socket, sys, time
for one in sys.argv[1:]:
    host, port = one.rsplit(",", 1)
    began = time.monotonic()
    link = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    link.settimeout({PROBE_SECONDS})
    try:
        link.connect((host, int(port)))
        outcome = "connected"
    except TimeoutError:
        outcome = "silence"
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, "error")
    print(host, port, outcome, round((time.monotonic() - began) * 1000))
"""


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
        return firewall.note(target, found, *self._needs(target))

    def inject_text(self, target: Target) -> str:
        return firewall.inject_text(target, self.cuts(target))

    def undo_text(self, target: Target) -> str:
        return firewall.undo_text(target)

    def status(self, target: Target) -> str:
        return firewall.describe(target)

    def prove(self, target: Target) -> str:
        """Probe the peers that are cut off: none must answer, and our rules must have dropped the packets."""
        cuts = self.cuts(target)
        found = _addresses(cuts)
        probed = [address for address in found if "/" not in address][:PROBED]
        for _ in range(ROUNDS):
            answers = probe(target, probed, self.probed_ports(target))
            ends = [(host, port) for host, port, word, _ in answers if word == "connected"]
            through = [f"{peers.names(target, [host])}:{port}" for host, port in ends]
            hits = firewall.hits(target)
            if through or hits:
                break
        if through or not hits:
            why = f"{', '.join(through)} answers" if through else "its rules matched no packet"
            raise NotEffective(f"{target.host.name}: {why}", "do the peers run, and listen on these ports?")
        tcp = f"; TCP: {', '.join(f'{word} after {ms} ms' for _, _, word, ms in answers)}" if answers else ""
        return f"{target.host.name}: cut off from {peers.names(target, found)}: {hits} packets hit{tcp}"


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
            raise Refused("neither peers nor ports are named", "give `--peers`, `--ports` or both; or take `partition`")

    def cuts(self, target: Target) -> list[Cut]:
        found, ports = tuple(peers.addresses(target, self.peers)), tuple(peers.ports(self.ports))
        return [Cut(found, self.verdict, DIRECTIONS[self.direction], ports, self.protocols)]


def _addresses(cuts: list[Cut]) -> list[str]:
    return list(dict.fromkeys(address for cut in cuts for address in cut.addresses))


def probe(target: Target, addresses: Sequence[str], ports: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Pings, or TCP connections where ports are given: (host, port, outcome, milliseconds)."""
    if not ports:
        ssh.sh(target.ssh, f"python3 -c {shlex.quote(PING_PROBE)} {' '.join(addresses)}", check=False)
        return []
    words = " ".join(f"{address},{port}" for address in addresses for port in ports[:PROBED])
    shown = ssh.sh(target.ssh, f"python3 -c {shlex.quote(TCP_PROBE)} {words}", check=False)
    rows = [line.split() for line in shown.splitlines()]
    return [(row[0], row[1], row[2], row[3]) for row in rows if len(row) == 4]
