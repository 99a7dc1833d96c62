"""Silence: packets are dropped, and a client that waits for an answer waits until a timeout of its own."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.network.cut import PortCut


@dataclass(frozen=True)
class Drop(PortCut):
    """Drop packets from and to `peers` (default all) and `ports` silently; `direction` in, out or both."""

    verdict: ClassVar[str] = "drop"
