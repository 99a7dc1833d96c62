"""A machine whose clocks are set by a test: it takes the place of the module `time` in cluster/clock.py."""

import time

from firedrill.cluster import clock

SECOND = 1_000_000_000


class Machine:
    """CLOCK_BOOTTIME, the wall clock, and CLOCK_MONOTONIC, in ns."""

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def __init__(self, wall: int = 1_795_000_000 * SECOND) -> None:
        self.boot, self.wall, self.monotonic = 5000 * SECOND, wall, 4000 * SECOND

    def pass_time(self, ns: int) -> None:
        self.boot, self.wall, self.monotonic = self.boot + ns, self.wall + ns, self.monotonic + ns

    def suspend(self, ns: int) -> None:
        self.boot, self.wall = self.boot + ns, self.wall + ns

    def step(self, ns: int) -> None:
        """Set the wall clock, as NTP does."""
        self.wall += ns

    def clock_gettime_ns(self, which: int) -> int:
        assert which == self.CLOCK_BOOTTIME
        return self.boot

    def time_ns(self) -> int:
        return self.wall

    def time(self) -> float:
        return self.wall / SECOND

    def monotonic_ns(self) -> int:
        return self.monotonic


def installed(monkeypatch, wall: int | None = None) -> Machine:
    """A machine that this process runs on from now on, as far as moments go."""
    machine = Machine() if wall is None else Machine(wall)
    monkeypatch.setattr(clock, "time", machine)
    monkeypatch.setattr(clock, "_origin", machine.wall - machine.boot)
    return machine
