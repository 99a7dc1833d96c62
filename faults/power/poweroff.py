"""An orderly poweroff over SSH: services stop in order, so the leader can hand over."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults import capability
from firedrill.faults.on_host import Waiting
from firedrill.faults.power import out_of_band, press
from firedrill.faults.protocol import Target, Trigger

# Detached, so that the answer arrives before the network goes down: paramiko blocks on a host that vanishes.
COMMAND = "systemd-run --quiet --no-block systemctl poweroff"


@dataclass(frozen=True)
class Poweroff(out_of_band.OutOfBand):
    """Shut the host down cleanly; heal by switching it on again."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120

    def refuse(self, target: Target) -> None:
        out_of_band.need_silence(target)
        press.command(target, "power_on")
        capability.need_root(target)

    def commands(self, target: Target) -> list[str]:
        return [f"ssh {target.host.name} {COMMAND}"]

    def ready(self, target: Target) -> Trigger:
        return Waiting(target, COMMAND)

    def prove(self, target: Target) -> str:
        return out_of_band.prove_off(target)
