"""Single bits turned over on the way."""

from dataclasses import dataclass

from firedrill.faults import chaosblade
from firedrill.faults.network import netem
from firedrill.faults.network.stream import Measured


@dataclass(frozen=True)
class Corrupt(netem.Netem):
    """Turn over a bit in `percent` of the packets to and from `peers` (or all) and `ports`, `direction` in, out, both.

    Whoever checks a checksum drops such a packet: for TCP it stands for loss after the checksum.
    """

    percent: float = 10
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = netem.BACKEND

    def check(self) -> None:
        super().check()
        netem.check_percent(self.percent)

    def netem(self) -> str:
        return f"corrupt {self.percent:g}%"

    def blade(self) -> str:
        return f"corrupt --percent {chaosblade.whole(self.percent, 'percent')}"

    def judge(self, seen: Measured) -> tuple[bool, str]:
        # A bit may be turned over in the headers as well; then the packet does not come, or not to us.
        hit = seen.bad + seen.lost
        return netem.near(self.percent, hit, seen.sent), (
            f"corruption asked {self.percent:g} %, seen {seen.share(hit)} "
            f"({seen.bad} came corrupted, {seen.lost} not at all)"
        )
