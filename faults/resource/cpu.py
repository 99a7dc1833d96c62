"""Processors kept busy."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import chaosblade
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import load

SECONDS = 0.6


@dataclass(frozen=True)
class Cpu(load.Load):
    """Keep `cores` processors (0: all) busy for `percent` of the time."""

    percent: float = 90
    cores: int = 0
    backend: str = load.BACKEND

    program: ClassVar[str] = "cpu"

    def check(self) -> None:
        super().check()
        if not 0 < self.percent <= 100:
            raise Refused(f"{self.percent:g} % of a processor", "give more than 0 and at most 100")
        if self.cores < 0:
            raise Refused(f"{self.cores} processors", "give 0 for all, or more")
        if self.by_blade:
            chaosblade.whole(self.percent, "percent")

    def arguments(self, target: Target) -> str:
        return f"{self.cores or '$(nproc)'} {self.percent:g}"

    def blade(self, target: Target) -> str:
        count = f" --cpu-count {self.cores}" if self.cores else ""
        return f"cpu fullload --cpu-percent {chaosblade.whole(self.percent, 'percent')}{count}"

    def prove(self, target: Target) -> str:
        """From the ticks that its processes were given; at least half of what was asked, since others work as well."""
        ticks = load.each_process(target, "sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f12,13")
        text = f"getconf CLK_TCK; nproc; cut -d' ' -f1 /proc/uptime; {ticks}"
        shown = ssh.script(target.ssh, f"sleep 0.1; {text}; echo; sleep {SECONDS}; {text}")
        first, second = (part.split() for part in shown.split("\n\n"))
        hertz, nproc = int(first[0]), int(first[1])
        seconds = float(second[2]) - float(first[2])
        used = (sum(map(int, second[3:])) - sum(map(int, first[3:]))) / hertz / seconds * 100
        count = self.cores or nproc
        asked = self.percent * count
        said = f"{target.host.name}: asked {self.percent:g} % of {count} processors, used {used / count:.0f} %"
        if used < min(asked, 100 * nproc) / 2:
            raise NotEffective(f"{said} in {seconds:.1f} s", "does a quota hold it back?")
        return f"{said}; load average {ssh.sh(target.ssh, 'cat /proc/loadavg').split()[0]}"
