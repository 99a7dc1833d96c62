"""Packets that overtake others."""

from dataclasses import dataclass
from typing import Any

from firedrill.faults import chaosblade
from firedrill.faults.network import netem
from firedrill.faults.network.stream import Measured
from firedrill.faults.protocol import Refused

COUNT = 300
OVERTAKEN = 5  # at least, by each


@dataclass(frozen=True)
class Reorder(netem.Netem):
    """Let `percent` of the packets overtake the others, which wait `delay_ms`; `direction` in, out or both."""

    percent: float = 25
    delay_ms: float = 20
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = netem.BACKEND

    def check(self) -> None:
        super().check()
        netem.check_percent(self.percent)
        if self.delay_ms <= 0:
            raise Refused(f"a delay of {self.delay_ms:g} ms", "give more than 0: what is overtaken has to wait")

    def netem(self) -> str:
        return f"reorder {self.percent:g}% delay {self.delay_ms:g}ms"

    def blade(self) -> str:
        percent, delay = chaosblade.whole(self.percent, "percent"), chaosblade.whole(self.delay_ms, "ms")
        return f"reorder --percent {percent} --correlation 0 --time {delay}"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        return netem.near(self.percent, seen.overtook, seen.sent), (
            f"reordering asked {self.percent:g} %, seen {seen.share(seen.overtook)} overtake others"
        )

    @property
    def probe(self) -> dict[str, Any]:  # type: ignore[override]
        """So dense that whoever overtakes finds some to overtake."""
        return {"count": COUNT, "seconds": min(0.5, COUNT * self.delay_ms / 1000 / OVERTAKEN)}
