"""A slow line."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.faults.network import netem
from firedrill.faults.network.stream import Measured
from firedrill.faults.protocol import Refused

LEAST_KBIT, MOST_KBIT = 8, 100_000_000


@dataclass(frozen=True)
class Rate(netem.Netem):
    """Limit traffic to and from `peers` (default all) and `ports` to `kbit` per second (1000 bits); in, out or both."""

    kbit: float = 1000
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = netem.BACKEND

    name: ClassVar[str] = "rate"

    def check(self) -> None:
        super().check()
        if not LEAST_KBIT <= self.kbit <= MOST_KBIT:
            raise Refused(f"{self.kbit:g} kbit/s", f"give {LEAST_KBIT} to {MOST_KBIT}")

    def netem(self) -> str:
        return f"rate {self.kbit:g}kbit"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        found = seen.bits_per_second / 1000
        return 0.5 * self.kbit <= found <= 1.2 * self.kbit, f"rate asked {self.kbit:g} kbit/s, seen {found:.0f}"

    def probe(self) -> dict[str, Any]:
        """As many datagrams as take most of a second at this rate, sent in one burst."""
        count = min(2000, max(4, round(self.kbit * 1000 * 0.8 / 8 / 1042)))
        return {"count": count, "size": 1000, "seconds": 0, "quiet": max(0.6, 2 * 8.4 / self.kbit)}
