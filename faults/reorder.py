"""Packets that overtake others."""

from dataclasses import dataclass

from faults import chaosblade, netem
from faults.protocol import Refused
from faults.stream import Measured


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
        # Each that overtakes makes those before it late; how many depends on their pace.
        return seen.late > 0, f"{self.percent:g} % asked to overtake, {seen.share(seen.late)} came late"
