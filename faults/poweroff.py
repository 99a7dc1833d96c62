"""An orderly poweroff over SSH: services stop in order, so Patroni can hand its leadership over."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults import power
from firedrill.faults.on_host import Waiting
from firedrill.faults.protocol import Strike, Target

# Detached, so that the answer comes before the network goes: paramiko blocks on a host that dies under it.
COMMAND = "systemd-run --quiet --no-block systemctl poweroff"


@dataclass(frozen=True)
class Poweroff(power.OutOfBand):
    """Shut the host down in good order; heal by switching it on again."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120

    def refuse(self, target: Target) -> None:
        power.command(target, "power_on")

    def commands(self, target: Target) -> list[str]:
        return [f"ssh {target.host.name} {COMMAND}"]

    def ready(self, target: Target) -> Strike:
        return Waiting(target, COMMAND)

    def prove(self, target: Target) -> str:
        return power.prove_off(target)
