"""A clock that is too fast or too slow."""

import time
from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import state, undo
from firedrill.faults.clock import wrong_clock
from firedrill.faults.protocol import NotEffective, Refused, Target

MOST_PPM = 90_000  # the kernel allows a tenth of a second per second
LEAST_PPM = 1000  # 20 ms in 20 s: more than the noise of a measurement
NEAR = 0.4  # of what was asked
SECONDS = 2
MORE_SECONDS = 10


@dataclass(frozen=True)
class ClockDrift(wrong_clock.Clock):
    """Let the clock run `ppm` parts per million too fast, or too slow if negative; 10000 is 10 ms per second."""

    ppm: float = 20_000

    default_limit_s: ClassVar[float] = 120

    def check(self) -> None:
        if not LEAST_PPM <= abs(self.ppm) <= MOST_PPM:
            raise Refused(f"a drift of {self.ppm:g} ppm", f"give {LEAST_PPM} to {MOST_PPM}, either way")

    def arguments(self) -> tuple[str, str]:
        return "drift", f"{self.ppm:g}"

    def prove(self, target: Target) -> str:
        began, first = time.monotonic(), state.clock_offset(target.ssh)
        # A longer look shows a smaller drift over the noise of a measurement: a few ms, more on a busy host.
        seconds = max(SECONDS, min(20, 20_000 / abs(self.ppm)))
        deadline = began + seconds + MORE_SECONDS
        time.sleep(seconds)
        while not self._near(found := self._since(target, began, first)):
            if time.monotonic() > deadline:
                raise NotEffective(f"{target.host.name}: asked {self.ppm:+g} ppm, seen {found:+.0f} ppm", "")
            time.sleep(SECONDS)
        return f"{target.host.name}: drift asked {self.ppm:+g} ppm, seen {found:+.0f} ppm"

    def prove_wrong(self, target: Target) -> str:
        """By the kernel's own setting, which takes no seconds to see."""
        program, file = undo.file(target, "py"), undo.file(target, "clock")
        shown = ssh.sh(target.ssh, f"python3 {program} look {file}", check=False)
        if not shown or not self._near(found := float(shown)):
            raise NotEffective(f"{target.host.name}: the clock drifts by {shown or 'unknown'} ppm now", "")
        return f"{target.host.name}: the clock drifts by {found:+.0f} ppm"

    def _since(self, target: Target, began: float, first: float) -> float:
        """The drift (ppm) since `began` (monotonic), when the clock was `first` seconds before ours."""
        return (state.clock_offset(target.ssh) - first) / (time.monotonic() - began) * 10**6

    def _near(self, found: float) -> bool:
        return abs(found - self.ppm) <= NEAR * abs(self.ppm)
