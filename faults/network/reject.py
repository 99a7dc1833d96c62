"""A refusal: TCP is answered with a reset, so that clients fail immediately."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.network.cut import PortCut
from firedrill.faults.protocol import Target

ANY_PORT = "5432"


@dataclass(frozen=True)
class Reject(PortCut):
    """Answer TCP from and to `peers` (default all) and `ports` with a reset; `direction` in, out or both."""

    verdict: ClassVar[str] = "refuse"  # lets resets pass: our own have to reach the client
    protocols: ClassVar[tuple[str, ...]] = ("tcp",)

    def probed_ports(self, target: Target) -> tuple[str, ...]:
        # A ping is not TCP. Any port will do, since all are refused.
        return super().probed_ports(target) or (ANY_PORT,)
