"""A host frozen from outside: its network is silent, its clock keeps running; then it resumes."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults.power import out_of_band
from firedrill.faults.protocol import NotClean, Target, Trigger

BACK_SECONDS = 30


@dataclass(frozen=True)
class Pause(out_of_band.OutOfBand):
    """Freeze the host from outside, as a hypervisor does; heal by resuming it."""

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 60

    def refuse(self, target: Target) -> None:
        out_of_band.command(target, "pause")
        out_of_band.command(target, "resume")

    def commands(self, target: Target) -> list[str]:
        return [out_of_band.command(target, "pause")]

    def ready(self, target: Target) -> Trigger:
        return out_of_band.Press(target, "pause")

    def prove(self, target: Target) -> str:
        return out_of_band.prove_off(target, seconds=5)

    def heal(self, target: Target) -> str:
        out_of_band.press(target, "resume")
        try:
            took = ssh.wait(target.host, up=True, seconds=BACK_SECONDS)
        except TimeoutError as error:
            raise NotClean(str(error), "look at its console") from None
        with ssh.connect(target.host) as connection:
            how = out_of_band.prove_clean(target, connection)
        return f"{target.host.name} answers SSH (waited {took:.1f} s), {how}"

    def status(self, target: Target) -> str:
        return "running: answers SSH" if ssh.answers(target.host) else "paused: does not answer SSH"
