"""The only source of moments: nanoseconds UTC, from a monotonic clock and one wall-clock origin.

The origin is the wall clock minus CLOCK_BOOTTIME when a run begins (when this module is imported, where there is no
run). Child processes get it through `environment`, so that all of them share one clock, and a step of the wall clock
moves no moment. BOOTTIME, unlike CLOCK_MONOTONIC, counts while the machine is suspended: hosts go on meanwhile, and the
difference of the two is how long it was.
"""

import os
import re
import time
from pathlib import Path
from typing import NamedTuple

ORIGIN = "FIREDRILL_CLOCK_ORIGIN"
SOURCE = "clock"  # of the events about clocks
ROUNDS = 5
SECOND = 1_000_000_000


class Reading(NamedTuple):
    """The clocks of this machine at one moment, ns; `error` is how far apart they may have been read."""

    boot: int
    wall: int
    monotonic: int
    error: int


def read() -> Reading:
    """Read all three, as close together as a busy machine allows."""
    return min((_read() for _ in range(ROUNDS)), key=lambda reading: reading.error)


def _read() -> Reading:
    began = _boot()
    wall, monotonic = time.time_ns(), time.monotonic_ns()
    ended = _boot()
    return Reading((began + ended) // 2, wall, monotonic, ended - began)


def _boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _measured() -> int:
    reading = read()
    return reading.wall - reading.boot


def _handed_over() -> int | None:
    """The origin that the process that started this one hands over."""
    given = os.environ.get(ORIGIN, "")
    return int(given) if re.fullmatch(r"-?[0-9]{1,19}", given) else None


_given = _handed_over()
_origin: int = _measured() if _given is None else _given


def begin() -> None:
    """A run begins: from now on moments count from the wall clock of now."""
    global _origin
    _origin = _measured()


def environment() -> dict[str, str]:
    """What hands this clock to a child process."""
    return {ORIGIN: str(_origin)}


def now() -> int:
    """This moment."""
    return _boot() + _origin


def lead(reading: Reading) -> int:
    """How far the wall clock is ahead of this clock (ns): what it was stepped by since the origin."""
    return reading.wall - reading.boot - _origin


def of_wall(wall: int) -> int:
    """A moment that another program on this machine took from the wall clock just now."""
    return wall - lead(read())


def boot_id() -> str:
    """Which boot of this machine CLOCK_BOOTTIME counts from."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def wall_s() -> float:
    """The wall clock, in seconds: only for what must be understood after a reboot, such as the limit of a fault."""
    return time.time()
