"""A reboot over SSH, orderly or immediate; the host boots again by itself."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability
from firedrill.faults.on_host import Waiting
from firedrill.faults.power import out_of_band, press
from firedrill.faults.protocol import Refused, Target, Trigger, poll

HOW = {"orderly": "systemctl reboot", "force": "reboot --force --force --no-sync"}
SECONDS = 120


@dataclass(frozen=True)
class Reboot(out_of_band.OutOfBand):
    """Reboot the host, `how` orderly or force (nothing is stopped or flushed); it boots again by itself."""

    how: str = "orderly"

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120

    def check(self) -> None:
        if self.how not in HOW:
            raise Refused(f"{self.how!r} is not a way to reboot", f"choose one of {', '.join(HOW)}")

    def refuse(self, target: Target) -> None:
        self.check()
        out_of_band.need_silence(target)
        # If it does not come back, it has to be switched on.
        press.command(target, "power_on")
        capability.need_root(target)

    @property
    def _command(self) -> str:
        return f"systemd-run --quiet --no-block {HOW[self.how]}"

    def commands(self, target: Target) -> list[str]:
        return [f"ssh {target.host.name} {self._command}"]

    def ready(self, target: Target) -> Trigger:
        return Waiting(target, self._command)

    def prove(self, target: Target) -> str:
        return out_of_band.prove_rebooted(target, SECONDS)

    def still(self, target: Target) -> str | None:
        """Momentary: the host boots again by itself."""
        return None

    def heal(self, target: Target) -> str:
        poll(lambda: ssh.answers(target.host), SECONDS)
        return out_of_band.power_on(target)
