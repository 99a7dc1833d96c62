"""Processors kept busy."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import unit
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import load

SECONDS = 0.6
MOST_CORES = 4096


@dataclass(frozen=True)
class Cpu(load.Load):
    """Keep `cores` processors (0: all) busy for `percent` of the time."""

    percent: float = 90
    cores: int = 0
    backend: str = load.BACKEND

    name: ClassVar[str] = "cpu"
    program: ClassVar[str] = "cpu"

    def check(self) -> None:
        if not 0 < self.percent <= 100:
            raise Refused(f"{self.percent:g} % of a processor", "give more than 0 and at most 100")
        if not 0 <= self.cores <= MOST_CORES:
            raise Refused(f"{self.cores} processors", f"give 0 for all, or up to {MOST_CORES}")
        super().check()

    def arguments(self, target: Target) -> str:
        return f"{self.cores or '$(nproc)'} {self.percent:g}"

    def prove(self, target: Target) -> str:
        """By the ticks that its processes got: at least half of what was asked, since other processes run as well."""
        ticks = unit.each_process(target, "sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f12,13")
        text = f"getconf CLK_TCK; nproc; cut -d' ' -f1 /proc/uptime; {ticks}"
        shown = ssh.script(target.ssh, f"sleep 0.1; {text}; echo; sleep {SECONDS}; {text}")
        first, second = (part.split() for part in shown.split("\n\n"))
        hertz, nproc = int(first[0]), int(first[1])
        seconds = float(second[2]) - float(first[2])
        used = (sum(map(int, second[3:])) - sum(map(int, first[3:]))) / hertz / seconds * 100
        count = self.cores or nproc
        asked = self.percent * count
        evidence = f"{target.host.name}: asked {self.percent:g} % of {count} processors, used {used / count:.0f} %"
        if used < min(asked, 100 * nproc) / 2:
            raise NotEffective(f"{evidence} in {seconds:.1f} s", "does a quota limit it?")
        return f"{evidence}; load average {ssh.sh(target.ssh, 'cat /proc/loadavg').split()[0]}"
