"""A stream of datagrams between the host and a peer, which shows what a fault makes of them; see programs/stream.py."""

import json
import shlex
from dataclasses import dataclass
from importlib.resources import files

from firedrill.cluster import ssh
from firedrill.inventories.read import Host


@dataclass(frozen=True)
class Measured:
    """What became of `sent` datagrams: `came` in all, of which `bad` in content, `twice`, or before earlier ones."""

    sent: int
    came: int
    bad: int
    twice: int
    overtook: int
    seconds: float
    size: int

    @property
    def lost(self) -> int:
        return max(0, self.sent - (self.came - self.twice))

    @property
    def bits_per_second(self) -> float:
        """On the wire, without the first, whose arrival starts the clock."""
        return (self.came - 1) * (self.size + 42) * 8 / self.seconds if self.seconds else 0

    def share(self, part: int) -> str:
        return f"{part / self.sent:.0%} of {self.sent} packets"


def measure(
    source: ssh.Connection, sink: ssh.Connection, to: Host, *,
    port: int = 0, count: int = 300, size: int = 500, seconds: float = 0.5, quiet: float = 0.6,
) -> Measured:  # fmt: skip
    """Send from `source` to `sink`, which is the host `to`; from and to `port` where it is about ports."""
    program = shlex.quote(files("firedrill.faults.programs").joinpath("stream.py").read_text())
    listening = ssh.Running(sink, f"python3 -c {program} listen 0 {size} {quiet}")
    arrival = listening.line()
    ssh.sh(source, f"python3 -c {program} send {to.address} {arrival} {port} {count} {size} {seconds}")
    out, _, _ = listening.end()
    return Measured(sent=count, size=size, **json.loads(out))
