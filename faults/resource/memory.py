"""Memory held."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, unit
from firedrill.faults.protocol import NotEffective, Refused, Target, poll
from firedrill.faults.resource import load

SECONDS = 20
SLOWEST_MIB_S = 100  # half of chaosblade's rate
MOST_PERCENT = 95
MOST_MIB = 1 << 30
LEAST_MARGIN_MIB = 16


@dataclass(frozen=True)
class Memory(load.Load):
    """Hold memory until `percent` of it is in use, or hold `mib` MiB; `margin_mib` MiB stay available."""

    percent: float = 80
    mib: int = 0
    margin_mib: int = 48
    backend: str = load.BACKEND

    name: ClassVar[str] = "memory"
    program: ClassVar[str] = "memory"

    def check(self) -> None:
        super().check()
        if not 0 < self.percent <= MOST_PERCENT:
            raise Refused(
                f"{self.percent:g} % of the memory", f"give at most {MOST_PERCENT}: more triggers the OOM killer"
            )
        if not 0 <= self.mib <= MOST_MIB or not LEAST_MARGIN_MIB <= self.margin_mib <= MOST_MIB:
            raise Refused(
                f"{self.mib} MiB with a margin of {self.margin_mib} MiB", f"leave at least {LEAST_MARGIN_MIB} MiB"
            )

    def refuse_host(self, target: Target) -> None:
        super().refuse_host(target)
        if not self.mib and (reason := capability.missing(target, "own_kernel")):
            raise Refused(
                f"{target.host.name}: {reason[0]} and memory",
                "use `--mib N`: a percentage would be of that machine's memory",
            )
        available = self._meminfo(target)["MemAvailable"] >> 20
        if self.mib + self.margin_mib > available:
            raise Refused(
                f"{target.host.name} has {available} MiB available, asked {self.mib} and a margin of {self.margin_mib}",
                "ask for less",
            )

    def note(self, target: Target) -> dict[str, Any]:
        now = self._meminfo(target)
        wanted = self.mib or round(((self.percent / 100 - 1) * now["MemTotal"] + now["MemAvailable"]) / (1 << 20))
        if wanted < 16:
            used = 100 - 100 * now["MemAvailable"] / now["MemTotal"]
            raise Refused(f"{target.host.name} already uses {used:.0f} % of its memory", "ask for more")
        return {"wanted_mib": min(wanted, (now["MemAvailable"] >> 20) - self.margin_mib)}

    def arguments(self, target: Target) -> str:
        return (f"mib {self.mib}" if self.mib else f"percent {self.percent:g}") + f" {self.margin_mib}"

    def prove(self, target: Target) -> str:
        """What its processes hold; up to a tenth less, since others may take memory meanwhile."""
        wanted = target.before["wanted_mib"]
        seconds = min(target.limit_s, SECONDS + wanted / SLOWEST_MIB_S)
        if not poll(lambda: self._held(target) >= wanted * 0.9 - 8, seconds):
            held = self._held(target)
            raise NotEffective(f"{target.host.name}: holds {held} of {wanted} MiB after {seconds:.0f} s", "")
        now = self._meminfo(target)
        used = 100 - 100 * now["MemAvailable"] / now["MemTotal"]
        asked = f"{self.mib} MiB" if self.mib else f"{self.percent:g} % in use"
        return f"{target.host.name}: asked {asked}, holds {self._held(target)} MiB, {used:.0f} % in use"

    def own_lasts(self, target: Target) -> str:
        """At least half: it gives way where the host itself needs memory."""
        running, wanted, held = super().own_lasts(target), target.before["wanted_mib"], self._held(target)
        if held < wanted / 2:
            raise NotEffective(f"{target.host.name}: holds {held} of {wanted} MiB now", "")
        return f"{running}, hold {held} MiB"

    def own_status(self, target: Target) -> str:
        return f"holds {self._held(target)} MiB"

    def _held(self, target: Target) -> int:
        text = unit.each_process(target, "grep -E '^VmRSS' /proc/$pid/status")
        shown = ssh.script(target.ssh, text + " 2>/dev/null", check=False)
        return sum(int(line.split()[1]) for line in shown.splitlines()) >> 10

    def _meminfo(self, target: Target) -> dict[str, int]:
        shown = ssh.sh(target.ssh, "cat /proc/meminfo")
        return {line.split(":")[0]: int(line.split()[1]) << 10 for line in shown.splitlines()}
