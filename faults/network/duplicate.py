"""Packets that come twice."""

from dataclasses import dataclass

from firedrill.faults import chaosblade
from firedrill.faults.network import netem
from firedrill.faults.network.stream import Measured


@dataclass(frozen=True)
class Duplicate(netem.Netem):
    """Send `percent` of the packets to and from `peers` (or all) and `ports` twice, `direction` in, out or both."""

    percent: float = 10
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = netem.BACKEND

    def check(self) -> None:
        super().check()
        netem.check_percent(self.percent)

    def netem(self) -> str:
        return f"duplicate {self.percent:g}%"

    def blade(self) -> str:
        return f"duplicate --percent {chaosblade.whole(self.percent, 'percent')}"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        return netem.near(self.percent, seen.twice, seen.sent), (
            f"duplicates asked {self.percent:g} %, seen {seen.share(seen.twice)}"
        )
