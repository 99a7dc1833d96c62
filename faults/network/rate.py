"""A slow line."""

from dataclasses import dataclass
from typing import Any

from firedrill.faults.network import netem
from firedrill.faults.network.stream import Measured
from firedrill.faults.protocol import Refused


@dataclass(frozen=True)
class Rate(netem.Netem):
    """Let at most `kbit` (a thousand bits) a second pass to and from `peers` (or all) and `ports`, in, out or both."""

    kbit: float = 1000
    peers: str = ""
    ports: str = ""
    direction: str = "out"

    def check(self) -> None:
        super().check()
        if self.kbit < 8:
            raise Refused(f"{self.kbit:g} kbit/s", "give at least 8")

    def netem(self) -> str:
        return f"rate {self.kbit:g}kbit"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        found = seen.bits_per_second / 1000
        return 0.5 * self.kbit <= found <= 1.2 * self.kbit, f"rate asked {self.kbit:g} kbit/s, seen {found:.0f}"

    @property
    def probe(self) -> dict[str, Any]:  # type: ignore[override]
        """As much as takes most of a second at this rate, sent at once."""
        count = min(2000, max(4, round(self.kbit * 1000 * 0.8 / 8 / 1042)))
        return {"count": count, "size": 1000, "seconds": 0, "quiet": max(0.6, 2 * 8.4 / self.kbit)}
