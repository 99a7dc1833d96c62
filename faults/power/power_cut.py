"""A host that loses its power: nothing is flushed, no connection is closed."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults import capability
from firedrill.faults.on_host import Waiting
from firedrill.faults.power import out_of_band, press
from firedrill.faults.protocol import Refused, Target, Trigger

BY = ("auto", "command", "sysrq")
# Never in a container, whatever was checked before: there it would hit the machine itself. After 0.1 s, so that
# the answer arrives first.
SYSRQ = (
    "systemd-detect-virt --quiet --container && exit 1\n"
    "nohup sh -c 'sleep 0.1; echo {key} > /proc/sysrq-trigger' >/dev/null 2>&1 &"
)


@dataclass(frozen=True)
class PowerCut(out_of_band.OutOfBand):
    """Cut the host's power, `by` the inventory's command or, where it has none, sysrq; heal by switching it on again.

    By sysrq the host's own kernel stops instantly: off if the inventory can switch it on, otherwise with a reboot.
    """

    by: str = "auto"

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120

    def check(self) -> None:
        if self.by not in BY:
            raise Refused(f"{self.by!r} is not a way to cut power", f"choose one of {', '.join(BY)}")

    def _by_sysrq(self, target: Target) -> bool:
        return self.by == "sysrq" or (self.by == "auto" and not press.has(target, "power_off"))

    def _stays_off(self, target: Target) -> bool:
        return not self._by_sysrq(target) or press.has(target, "power_on")

    def refuse(self, target: Target) -> None:
        self.check()
        out_of_band.need_silence(target)
        if not self._by_sysrq(target):
            press.command(target, "power_off")
            press.command(target, "power_on")
            press.seconds(target)
        elif reasons := capability.missing(target, "root", "own_kernel"):
            raise Refused(
                f"{target.host.name} cannot lose its power by sysrq: {'; '.join(reasons)}",
                "give it `power_off` and `power_on` in the inventory's `power`",
            )

    def _sysrq(self, target: Target) -> str:
        return SYSRQ.format(key="o" if self._stays_off(target) else "b")

    def commands(self, target: Target) -> list[str]:
        if self._by_sysrq(target):
            return [f"ssh {target.host.name} {line}" for line in self._sysrq(target).splitlines()]
        return [press.command(target, "power_off")]

    def ready(self, target: Target) -> Trigger:
        if self._by_sysrq(target):
            return Waiting(target, self._sysrq(target))
        return press.Strike(target, "power_off")

    def prove(self, target: Target) -> str:
        return (
            out_of_band.prove_off(target, seconds=out_of_band.SILENT_SECONDS)
            if self._stays_off(target)
            else out_of_band.prove_rebooted(target, seconds=10)
        )

    def still(self, target: Target) -> str | None:
        """Momentary where the host boots again by itself."""
        return super().still(target) if self._stays_off(target) else None

    def heal(self, target: Target) -> str:
        return out_of_band.power_on(target) if self._stays_off(target) else out_of_band.wait_on(target)
