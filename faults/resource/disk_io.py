"""A disk kept busy."""

import time
from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.cluster.systems import system_of
from firedrill.faults import undo, unit
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import disk, load

SECONDS = 1
MOST_SECONDS = 20
LEAST_MIB = 1
MOST_WORKERS, MOST_MIB = 256, 1 << 20


@dataclass(frozen=True)
class DiskIo(load.Load):
    """Write, sync and read in `workers` files of `mib` MiB each on the disk of `path` (default the data folder)."""

    path: str = ""
    workers: int = 2
    mib: int = 64
    backend: str = load.BACKEND

    name: ClassVar[str] = "disk_io"
    program: ClassVar[str] = "disk_io"

    def check(self) -> None:
        super().check()
        if self.path:
            disk.check(self.path)
        if not (1 <= self.workers <= MOST_WORKERS and 1 <= self.mib <= MOST_MIB):
            raise Refused(
                f"{self.workers} workers with {self.mib} MiB each",
                f"give 1 to {MOST_WORKERS} workers and 1 to {MOST_MIB} MiB",
            )

    def refuse_host(self, target: Target) -> None:
        super().refuse_host(target)
        disk.refuse_none(target, self.folder(target))
        available = disk.room(target, self.folder(target))[1] >> 20
        if available < 2 * self.workers * self.mib:
            raise Refused(
                f"{target.host.name}: {available} MiB free at {self.folder(target)}", "ask for less: half stays free"
            )

    def folder(self, target: Target) -> str:
        """The folder whose disk is kept busy."""
        return self.path or system_of(target.host).data_folder

    def _files(self, target: Target) -> str:
        return disk.file(self.folder(target), f".faults-{target.id}.")

    def arguments(self, target: Target) -> str:
        return f"{self._files(target)} {self.mib} {self.workers}"

    def own_undo(self, target: Target) -> str:
        return f"{super().own_undo(target)} && rm -f {self._files(target)}*"

    def prove(self, target: Target) -> str:
        """Bytes that its processes wrote, as the kernel counts them; while a slow disk syncs there are none."""
        began, first = time.monotonic(), self._written(target)
        while True:
            time.sleep(SECONDS)
            mib = (self._written(target) - first) / (1 << 20)
            seconds = time.monotonic() - began
            if mib >= LEAST_MIB:
                break
            if seconds > MOST_SECONDS:
                found = f"{target.host.name}: {mib:.1f} MiB written at {self.folder(target)} in {seconds:.0f} s"
                raise NotEffective(found, f"see {undo.FOLDER}")
        rate = f"{mib / seconds:.{0 if mib > seconds else 1}f}"
        return f"{target.host.name}: {rate} MiB/s written and synced at {self.folder(target)} by {self.workers} workers"

    def _written(self, target: Target) -> int:
        text = unit.each_process(target, "grep ^write_bytes /proc/$pid/io")
        return sum(int(line.split()[1]) for line in ssh.script(target.ssh, text, check=False).splitlines())
