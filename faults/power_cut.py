"""Instant death of a host: the plug is pulled, nothing is flushed, nobody is told."""

from dataclasses import dataclass
from typing import ClassVar

from faults import power
from faults.protocol import Strike, Target


@dataclass(frozen=True)
class PowerCut(power.OutOfBand):
    """Cut the host's power out of band; heal by switching it on again."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120

    def refuse(self, target: Target) -> None:
        power.command(target, "power_off")
        power.command(target, "power_on")

    def commands(self, target: Target) -> list[str]:
        return [power.command(target, "power_off")]

    def ready(self, target: Target) -> Strike:
        return power.Press(target, "power_off")

    def prove(self, target: Target) -> str:
        return power.prove_off(target, seconds=5)
