"""Instant death of a host: the plug is pulled, nothing is flushed, nobody is told."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults import capability
from firedrill.faults.on_host import Waiting
from firedrill.faults.power import out_of_band
from firedrill.faults.protocol import Refused, Strike, Target

BY = ("auto", "command", "sysrq")
# Not in a container, whatever was asked before: there it would be the machine's own. A tenth of a second later, so that
# the answer comes before the end.
SYSRQ = (
    "systemd-detect-virt --quiet --container && exit 1\n"
    "nohup sh -c 'sleep 0.1; echo {key} > /proc/sysrq-trigger' >/dev/null 2>&1 &"
)


@dataclass(frozen=True)
class PowerCut(out_of_band.OutOfBand):
    """Cut the host's power `by` the inventory's command or, where it names none, sysrq; heal by switching it on again.

    By sysrq the host's own kernel ends at once: off where the inventory can switch it on, with a new boot elsewhere.
    """

    by: str = "auto"

    kind: ClassVar[str] = "power"
    default_limit_s: ClassVar[float] = 120

    def check(self) -> None:
        if self.by not in BY:
            raise Refused(f"no way {self.by!r} to cut power", f"take one of {', '.join(BY)}")

    def _by_sysrq(self, target: Target) -> bool:
        return self.by == "sysrq" or (self.by == "auto" and not out_of_band.has(target, "power_off"))

    def _stays_off(self, target: Target) -> bool:
        return not self._by_sysrq(target) or out_of_band.has(target, "power_on")

    def refuse(self, target: Target) -> None:
        self.check()
        if not self._by_sysrq(target):
            out_of_band.command(target, "power_off")
            out_of_band.command(target, "power_on")
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
        return [out_of_band.command(target, "power_off")]

    def ready(self, target: Target) -> Strike:
        if self._by_sysrq(target):
            return Waiting(target, self._sysrq(target))
        return out_of_band.Press(target, "power_off")

    def prove(self, target: Target) -> str:
        return (
            out_of_band.prove_off(target, seconds=5)
            if self._stays_off(target)
            else out_of_band.prove_anew(target, seconds=10)
        )

    def heal(self, target: Target) -> str:
        return out_of_band.power_on(target) if self._stays_off(target) else out_of_band.wait_on(target)
