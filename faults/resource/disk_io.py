"""A disk kept busy."""

import shlex
import time
from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import undo
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import load

SECONDS = 1
MOST_SECONDS = 20
LEAST_MIB = 1


@dataclass(frozen=True)
class DiskIo(load.Load):
    """Write, sync and read in `workers` files of `mib` each on the disk that holds `path`."""

    path: str = "/var/lib/postgresql"
    workers: int = 2
    mib: int = 64

    program: ClassVar[str] = "disk_io"

    def check(self) -> None:
        if not self.path.startswith("/"):
            raise Refused(f"the path {self.path!r} is not absolute", "give a folder on the disk that is meant")
        if self.workers < 1 or self.mib < 1:
            raise Refused(f"{self.workers} workers with {self.mib} MiB each", "give at least 1 of both")

    def refuse_host(self, target: Target) -> None:
        super().refuse_host(target)
        refuse_no_disk(target, self.path)
        available = room(target, self.path)[1] >> 20
        if available < 2 * self.workers * self.mib:
            raise Refused(f"{target.host.name}: {available} MiB free at {self.path}", "ask for less: half stays free")

    @property
    def _files(self) -> str:
        return f"{self.path.rstrip('/')}/.faults-"

    def arguments(self, target: Target) -> str:
        return f"{shlex.quote(f'{self._files}{target.id}.')} {self.mib} {self.workers}"

    def undo_text(self, target: Target) -> str:
        return f"{super().undo_text(target)} && rm -f {shlex.quote(f'{self._files}{target.id}.')}*"

    def prove(self, target: Target) -> str:
        """Bytes that its processes had written, by the kernel's accounts; while a slow disk syncs there are none."""
        began, first = time.monotonic(), self._written(target)
        while True:
            time.sleep(SECONDS)
            mib = (self._written(target) - first) / (1 << 20)
            seconds = time.monotonic() - began
            if mib >= LEAST_MIB:
                break
            if seconds > MOST_SECONDS:
                said = f"{target.host.name}: {mib:.1f} MiB written at {self.path} in {seconds:.0f} s"
                raise NotEffective(said, f"see {undo.FOLDER}")
        rate = f"{mib / seconds:.{0 if mib > seconds else 1}f}"
        return f"{target.host.name}: {rate} MiB/s written and synced at {self.path} by {self.workers} workers"

    def _written(self, target: Target) -> int:
        text = load.each_process(target, "grep ^write_bytes /proc/$pid/io")
        return sum(int(line.split()[1]) for line in ssh.script(target.ssh, text, check=False).splitlines())


def refuse_no_disk(target: Target, path: str) -> None:
    """Raises Refused where the path is no folder, or is held in memory."""
    kind = ssh.sh(target.ssh, f"[ -d {shlex.quote(path)} ] && stat -f -c %T {shlex.quote(path)}", check=False)
    if not kind:
        raise Refused(f"{target.host.name} has no folder {path}", "give one on the disk that is meant")
    if kind in ("tmpfs", "ramfs"):
        raise Refused(f"{target.host.name}: {path} is held in memory ({kind})", "give a folder on a disk")


def room(target: Target, path: str) -> tuple[int, int]:
    """Bytes in use, and bytes available to services, on the disk that holds the path."""
    shown = ssh.sh(target.ssh, f"df -B1 --output=used,avail {shlex.quote(path)} | tail -1")
    used, available = map(int, shown.split())
    return used, available
