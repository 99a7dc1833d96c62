"""An orderly poweroff over SSH: services stop in order, so Patroni can hand its leadership over."""

from dataclasses import dataclass
from typing import Any, ClassVar

from faults import power, remote
from faults.protocol import Target

# Detached, so that the answer comes before the network goes: paramiko blocks on a host that dies under it.
COMMAND = "systemd-run --quiet --no-block systemctl poweroff"


@dataclass(frozen=True)
class Poweroff:
    """Shut the host down in good order; heal by switching it on again."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120
    heals_itself_on_host: ClassVar[bool] = False

    def refuse(self, target: Target) -> None:
        power.command(target, "power_on")

    def snapshot(self, target: Target) -> dict[str, Any]:
        return power.snapshot(target)

    def commands(self, target: Target) -> list[str]:
        return [f"ssh {target.host.name} {COMMAND}"]

    def inject(self, target: Target) -> str:
        assert target.connection, "snapshot refuses a host without one"
        target.record("inject", COMMAND)
        remote.sh(target.connection, COMMAND)
        return power.prove_off(target)

    def heal(self, target: Target) -> str:
        return power.power_on(target)

    def status(self, target: Target) -> str:
        return power.describe(target)
