"""No name is resolved: the host's queries to port 53 get no answer, or are refused."""

import shlex
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults.network import firewall
from firedrill.faults.network.firewall import Cut
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.state import FIREWALL

EVERYBODY = ("0.0.0.0/0", "::/0")
HOW = ("drop", "reject")
SECONDS = 0.5
# Queries for the name "." to every name server of the host; prints how many answered, and how many there are.
PROBE = f"""
import re, socket
query = bytes.fromhex("fd0d 0100 0001 0000 0000 0000 00 0002 0001")
servers = re.findall(r"^nameserver\\s+(\\S+)", open("/etc/resolv.conf").read(), re.M)
answers = 0
for one in servers:
    link = socket.socket(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_DGRAM)
    link.settimeout({SECONDS})
    try:
        link.sendto(query, (one, 53))
        answers += bool(link.recv(512))
    except OSError:
        pass
print(answers, len(servers))
"""


@dataclass(frozen=True)
class Dns(OnHost):
    """Make the host's DNS queries fail, by `how` drop (silence) or reject; local name servers included."""

    how: str = "drop"

    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60
    may_lock_out: ClassVar[bool] = True
    touches: ClassVar[tuple[str, ...]] = FIREWALL

    def check(self) -> None:
        if self.how not in HOW:
            raise Refused(f"{self.how!r} is not a way to make DNS fail", f"choose one of {', '.join(HOW)}")

    def refuse_host(self, target: Target) -> None:
        firewall.need(target, *self._needs)
        if self._ask(target)[1] == 0:
            raise Refused(
                f"{target.host.name} has no name server in /etc/resolv.conf",
                "DNS cannot fail where no name is resolved",
            )

    @property
    def _needs(self) -> tuple[Any, ...]:
        return (list(EVERYBODY), "python3", *(["reject"] if self.how == "reject" else []))

    def note(self, target: Target) -> dict[str, Any]:
        return firewall.note(target, *self._needs)

    def inject_text(self, target: Target) -> str:
        cuts = [Cut(EVERYBODY, self.how, ("out",), ("53",))]
        return firewall.inject_text(target, cuts, loopback=True)

    def undo_text(self, target: Target) -> str:
        return firewall.undo_text(target)

    def prove(self, target: Target) -> str:
        answers, servers = self._ask(target)
        hits = firewall.hits(target)
        if answers or not hits:
            raise NotEffective(
                f"{target.host.name}: {answers} of {servers} name servers answer, {hits} packets hit",
                "is there a local DNS cache?",
            )
        return f"{target.host.name}: none of {servers} name servers answers, {hits} packets hit"

    def lasts(self, target: Target) -> str:
        return firewall.lasts(target)

    def status(self, target: Target) -> str:
        return firewall.describe(target)

    def _ask(self, target: Target) -> tuple[int, int]:
        answers, servers = ssh.sh(target.ssh, f"python3 -c {shlex.quote(PROBE)}").split()
        return int(answers), int(servers)
