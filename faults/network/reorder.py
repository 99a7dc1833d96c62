"""Packets that overtake others."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.faults.network.netem import Share
from firedrill.faults.network.stream import Measured
from firedrill.faults.protocol import Refused

COUNT = 300
OVERTAKEN = 5  # at least, by each
MOST_MS = 60_000


@dataclass(frozen=True)
class Reorder(Share):
    """Let `percent` of the packets overtake the others, which wait `delay_ms`; `direction` in, out or both."""

    percent: float = 25
    delay_ms: float = 20

    name: ClassVar[str] = "reorder"
    verb: ClassVar[str] = "reorder"
    noun: ClassVar[str] = "reordering"

    def hit(self, seen: Measured) -> int:
        return seen.overtook

    def detail(self, seen: Measured) -> str:
        return " overtake others"

    def check(self) -> None:
        super().check()
        if not 0 < self.delay_ms <= MOST_MS:
            raise Refused(
                f"a delay of {self.delay_ms:g} ms",
                f"give more than 0, so that packets can be overtaken, and at most {MOST_MS}",
            )

    def netem(self) -> str:
        return f"{super().netem()} delay {self.delay_ms:g}ms"

    def probe(self) -> dict[str, Any]:
        """So dense that each packet that overtakes finds some to overtake."""
        return {"count": COUNT, "seconds": min(0.5, COUNT * self.delay_ms / 1000 / OVERTAKEN)}
