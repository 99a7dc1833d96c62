"""A host frozen from outside: its network is silent, its clock keeps running; then it resumes."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults.power import out_of_band, press
from firedrill.faults.protocol import Target, Trigger

BACK_SECONDS = 30


@dataclass(frozen=True)
class Pause(out_of_band.OutOfBand):
    """Freeze the host from outside, as a hypervisor does; heal by resuming it."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 60

    def refuse(self, target: Target) -> None:
        out_of_band.need_silence(target)
        press.command(target, "pause")
        press.command(target, "resume")
        press.seconds(target)

    def commands(self, target: Target) -> list[str]:
        return [press.command(target, "pause")]

    def ready(self, target: Target) -> Trigger:
        return press.Strike(target, "pause")

    def prove(self, target: Target) -> str:
        return out_of_band.prove_off(target, seconds=out_of_band.SILENT_SECONDS)

    def heal(self, target: Target) -> str:
        return out_of_band.bring_back(target, lambda: press.press(target, "resume"), BACK_SECONDS)

    def status(self, target: Target) -> str:
        return "running: answers SSH" if ssh.answers(target.host) else "paused: does not answer SSH"
