"""Instant death of a host: the plug is pulled, nothing is flushed, nobody is told."""

from dataclasses import dataclass
from typing import Any, ClassVar

from faults import power
from faults.protocol import Target


@dataclass(frozen=True)
class PowerCut:
    """Cut the host's power out of band; heal by switching it on again."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120
    heals_itself_on_host: ClassVar[bool] = False

    def refuse(self, target: Target) -> None:
        power.command(target, "power_off")
        power.command(target, "power_on")

    def snapshot(self, target: Target) -> dict[str, Any]:
        return power.snapshot(target)

    def commands(self, target: Target) -> list[str]:
        return [power.command(target, "power_off")]

    def inject(self, target: Target) -> str:
        moment = power.press(target, "power_off")
        target.record("inject", power.command(target, "power_off"), moment)
        return power.prove_off(target, seconds=5)

    def heal(self, target: Target) -> str:
        return power.power_on(target)

    def status(self, target: Target) -> str:
        return power.describe(target)
