"""Single bits flipped in transit."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.network.netem import Share
from firedrill.faults.network.stream import Measured


@dataclass(frozen=True)
class Corrupt(Share):
    """Flip a bit in `percent` of the packets to and from `peers` (default all) and `ports`; `direction` in, out, both.

    A receiver that verifies a checksum drops such a packet: for TCP it amounts to loss after the checksum.
    """

    name: ClassVar[str] = "corrupt"
    verb: ClassVar[str] = "corrupt"
    noun: ClassVar[str] = "corruption"

    def hit(self, seen: Measured) -> int:
        # The bit may be one of the headers: then the packet is lost, or goes elsewhere.
        return seen.bad + seen.lost

    def detail(self, seen: Measured) -> str:
        return f" ({seen.bad} arrived corrupted, {seen.lost} did not arrive)"
