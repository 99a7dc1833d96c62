"""What `partition`, `drop` and `reject` share: cuts in the host's firewall, proven by probes that they answer for."""

import shlex
from collections.abc import Sequence
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults.network import firewall, peers
from firedrill.faults.network.firewall import Cut
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotEffective, Refused, Target

PROBE_SECONDS = 0.4
PROBED = 4  # hosts or ports; each costs a probe
ROUNDS = 3  # of knocking, while no packet has come: a network that another fault has made lossy swallows some
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
        said = "connected"
    except TimeoutError:
        said = "silence"
    except OSError as error:
        said = errno.errorcode.get(error.errno, "error")
    print(host, port, said, round((time.monotonic() - began) * 1000))
"""


class FirewallCut(OnHost):
    """A fault that is a list of cuts."""

    may_lock_out: ClassVar[bool] = True
    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60

    def cuts(self, target: Target) -> list[Cut]:
        raise NotImplementedError

    def probed_ports(self, target: Target) -> tuple[str, ...]:
        """Where to knock; by ping where it is about no ports."""
        return next((cut.ports for cut in self.cuts(target) if cut.ports), ())

    def refuse_host(self, target: Target) -> None:
        found = [address for cut in self.cuts(target) for address in cut.addresses]
        if not found:
            raise Refused(f"nobody is cut off from {target.host.name}", "name other peers or another shape")
        firewall.need(target, found, *self._needs(target))

    def _needs(self, target: Target) -> list[str]:
        return ["python3", *(["reject"] if any(cut.verdict != "drop" for cut in self.cuts(target)) else [])]

    def note(self, target: Target) -> dict[str, Any]:
        found = [address for cut in self.cuts(target) for address in cut.addresses]
        return firewall.note(target, found, *self._needs(target))

    def inject_text(self, target: Target) -> str:
        return firewall.inject_text(target, self.cuts(target))

    def undo_text(self, target: Target) -> str:
        return firewall.undo_text(target)

    def status(self, target: Target) -> str:
        return firewall.describe(target)

    def prove(self, target: Target) -> str:
        """Knock at those who are cut off: there must be no answer, and our rules must have seen to it."""
        cuts = self.cuts(target)
        found = list(dict.fromkeys(address for cut in cuts for address in cut.addresses if "/" not in address))[:PROBED]
        for _ in range(ROUNDS):
            said = probe(target, found, self.probed_ports(target))
            through = [f"{peers.names(target, [host])}:{port}" for host, port, word, _ in said if word == "connected"]
            hits = firewall.hits(target)
            if through or hits:
                break
        if through or not hits:
            why = f"{', '.join(through)} answers" if through else "its rules met no packet"
            raise NotEffective(f"{target.host.name}: {why}", "is somebody at home there?")
        whole = dict.fromkeys(address for cut in cuts for address in cut.addresses)
        more = f"; TCP: {', '.join(f'{word} after {ms} ms' for _, _, word, ms in said)}" if said else ""
        return f"{target.host.name}: cut off from {peers.names(target, list(whole))}: {hits} packets hit{more}"


def probe(target: Target, addresses: Sequence[str], ports: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Pings, or TCP connections where it is about ports: (host, port, what came of it, milliseconds)."""
    if not ports:
        ssh.sh(target.ssh, f"python3 -c {shlex.quote(PING_PROBE)} {' '.join(addresses)}", check=False)
        return []
    words = " ".join(f"{address},{port}" for address in addresses for port in ports[:PROBED])
    shown = ssh.sh(target.ssh, f"python3 -c {shlex.quote(TCP_PROBE)} {words}", check=False)
    return [tuple(line.split()) for line in shown.splitlines()]  # type: ignore[misc]
