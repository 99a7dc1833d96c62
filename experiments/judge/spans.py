"""Moments and spans of time. A moment is an integer: nanoseconds since the epoch, UTC."""

import math
from collections.abc import Iterable
from typing import NamedTuple

SECOND = 1_000_000_000


class Span(NamedTuple):
    """A span of time, from `begin` to `end`."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin

    def touches(self, other: "Span") -> bool:
        """Whether the two share more than an instant."""
        return self.begin < other.end and other.begin < self.end


def ms(ns: int) -> float:
    """Nanoseconds as milliseconds, rounded up to a whole microsecond: no duration is reported shorter than it was."""
    return math.ceil(ns / 1000) / 1000


def covered(spans: Iterable[Span]) -> int:
    """How long at least one of the spans lasted, ns. Time that several share counts once."""
    total, at = 0, 0
    for span in sorted(spans):
        total += max(0, span.end - max(at, span.begin))
        at = max(at, span.end)
    return total
