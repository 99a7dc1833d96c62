"""Packets that arrive twice."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.network.netem import Share
from firedrill.faults.network.stream import Measured


@dataclass(frozen=True)
class Duplicate(Share):
    """Duplicate `percent` of the packets to and from `peers` (default all) and `ports`; `direction` in, out or both."""

    name: ClassVar[str] = "duplicate"
    verb: ClassVar[str] = "duplicate"
    noun: ClassVar[str] = "duplicates"

    def hit(self, seen: Measured) -> int:
        return seen.twice
