"""Processors kept busy."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import unit
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import load

# Of all processors: user, nice, system, irq, softirq, steal.
TICKS = "sed -n 's/^cpu  *//p' /proc/stat | cut -d' ' -f1-3,6-8"
PROCESSES = 9  # words come before those of our processes: hertz, processors, uptime, TICKS
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
        """By the time that the processors spent: at least half of what was asked, since other processes run as well."""
        backend = self._backend
        mine = unit.each_process(target, "sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f12,13")
        text = f"getconf CLK_TCK; nproc; cut -d' ' -f1 /proc/uptime; {TICKS}; {mine}"
        window = f"sleep {backend.cpu_settles_s}; {text}; echo; sleep {backend.cpu_window_s}; {text}"
        first, second = (part.split() for part in ssh.script(target.ssh, window).split("\n\n"))
        nproc, seconds = int(first[1]), float(second[2]) - float(first[2])
        count = self.cores or nproc
        ticks = (
            _of_host(second) - _of_host(first) if backend.cpu_of_host else _of_processes(second) - _of_processes(first)
        )
        used = ticks / int(first[0]) / seconds * 100
        whose = "used by all" if backend.cpu_of_host else "used"
        evidence = f"{target.host.name}: asked {self.percent:g} % of {count} processors, {whose} {used / count:.0f} %"
        if used < min(self.percent * count, 100 * nproc) / 2 or len(second) <= PROCESSES:
            alive = "" if len(second) > PROCESSES else ", by no process of it"
            raise NotEffective(f"{evidence} in {seconds:.1f} s{alive}", "does a quota limit it?")
        return f"{evidence}; load average {ssh.sh(target.ssh, 'cat /proc/loadavg').split()[0]}"


def _of_host(words: list[str]) -> int:
    """The ticks in which the host's processors worked."""
    return sum(map(int, words[3:PROCESSES]))


def _of_processes(words: list[str]) -> int:
    return sum(map(int, words[PROCESSES:]))
