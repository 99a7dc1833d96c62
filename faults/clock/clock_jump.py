"""A clock that jumps."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.clock import wrong_clock
from firedrill.faults.protocol import NotEffective, Refused, Target

MOST_S = 10 * 365 * 86400


@dataclass(frozen=True)
class ClockJump(wrong_clock.Clock):
    """Set the clock `seconds` ahead, or back if negative; heal by setting it right and running NTP as before."""

    seconds: float = 60

    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        if not 1 <= abs(self.seconds) <= MOST_S:
            raise Refused(f"a jump of {self.seconds:g} s", f"give 1 to {MOST_S} s, ahead or back")

    def arguments(self) -> tuple[str, str]:
        return "jump", f"{self.seconds:g}"

    def prove(self, target: Target) -> str:
        off = self.off(target)
        if abs(off - self.seconds) > wrong_clock.TOLERANCE_S:
            raise NotEffective(f"{target.host.name}: asked {self.seconds:+g} s, the clock is off by {off:+.2f} s", "")
        return f"{target.host.name}: jump asked {self.seconds:+g} s, seen {off:+.2f} s"
