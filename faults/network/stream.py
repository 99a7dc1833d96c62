"""A stream of datagrams between the host and a peer that shows a network fault at work; see programs/stream.py."""

import json
import shlex
from dataclasses import dataclass
from importlib.resources import files

from firedrill.cluster import ssh
from firedrill.cluster.ssh import Connection


@dataclass(frozen=True)
class Measured:
    """Of `sent` datagrams: how many `came`, with `bad` content, `twice`, or before earlier ones (`overtook`)."""

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
        """On the wire, without the first datagram, whose arrival starts the clock."""
        return (self.came - 1) * (self.size + 42) * 8 / self.seconds if self.seconds else 0

    def share(self, part: int) -> str:
        return f"{part / self.sent:.0%} of {self.sent} packets"


def measure(
    source: Connection, sink: Connection, to: str, *,
    port: int = 0, count: int = 300, size: int = 500, seconds: float = 0.5, quiet: float = 0.6,
) -> Measured:  # fmt: skip
    """Send from `source` to `sink`, at the address `to`; from and to `port` where one is given."""
    program = shlex.quote(files("firedrill.faults.programs").joinpath("stream.py").read_text())
    listening = ssh.Running(sink, f"python3 -c {program} listen 0 {size} {quiet}")
    arrival = listening.line()
    ssh.sh(source, f"python3 -c {program} send {to} {arrival} {port} {count} {size} {seconds}")
    out, _, _ = listening.end()
    return Measured(sent=count, size=size, **json.loads(out))
