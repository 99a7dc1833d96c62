"""A disk that is full, but for a margin; one file, so that it is free again at once."""

import shlex
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, chaosblade
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target
from firedrill.faults.resource import load
from firedrill.faults.resource.disk_io import refuse_no_disk, room

LEAST_MARGIN_MIB = 4
BLADE_FILE = "chaos_filldisk.log.dat"
TOLERANCE = 16 << 20


@dataclass(frozen=True)
class DiskFull(OnHost):
    """Fill the disk that holds `path` until `percent` of it is in use; `margin_mib` always stays free."""

    path: str = "/var/lib/postgresql"
    percent: float = 100
    margin_mib: int = 16
    backend: str = load.BACKEND

    kind: ClassVar[str] = "resources"
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        chaosblade.check(self.backend, load.BACKEND)
        if not self.path.startswith("/"):
            raise Refused(f"the path {self.path!r} is not absolute", "give a folder on the disk that is meant")
        if not 0 < self.percent <= 100:
            raise Refused(f"{self.percent:g} % of a disk", "give more than 0 and at most 100")
        if self.margin_mib < LEAST_MARGIN_MIB:
            raise Refused(f"a margin of {self.margin_mib} MiB", f"leave at least {LEAST_MARGIN_MIB}")

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "fallocate")
        refuse_no_disk(target, self.path)
        if self._by_blade:
            chaosblade.need(target, "disk fill")
            if ssh.sh(target.ssh, f"ls {self._file(target)} 2>/dev/null", check=False):
                raise Refused(f"{target.host.name}: there is {self._file(target)}, which is not ours", "remove it")
        if self._wanted(*room(target, self.path)) <= 0:
            raise Refused(f"{target.host.name}: {self.path} is as full as that already", "ask for more")

    def note(self, target: Target) -> dict[str, Any]:
        used, available = room(target, self.path)
        return {"used": used, "available": available, "wanted": self._wanted(used, available)}

    def _wanted(self, used: int, available: int) -> int:
        """The size of the file, in bytes."""
        return min(int((used + available) * self.percent / 100) - used, available - (self.margin_mib << 20))

    @property
    def _by_blade(self) -> bool:
        return self.backend == chaosblade.NAME

    def _file(self, target: Target) -> str:
        name = BLADE_FILE if self._by_blade else f".faults-{target.id}.fill"
        return shlex.quote(f"{self.path.rstrip('/')}/{name}")

    def inject_text(self, target: Target) -> str:
        wanted = target.before.get("wanted")
        if self._by_blade:
            size = "MIB" if wanted is None else wanted >> 20
            words = f"disk fill --path {shlex.quote(self.path)} --size {size}"
            return chaosblade.in_unit_text(target, load.unit(target), words)
        return f"fallocate -l {wanted or 'BYTES'} {self._file(target)}"

    def undo_text(self, target: Target) -> str:
        remove = f"rm -f {self._file(target)}"
        if self._by_blade:
            return f"{chaosblade.destroy_text(target)}\n{load.stop_text(target)} && {remove}"
        return remove

    def prove(self, target: Target) -> str:
        before = target.before
        used, available = room(target, self.path)
        grown, whole = used - before["used"], before["used"] + before["available"]
        if grown < before["wanted"] * 0.9 - TOLERANCE:
            raise NotEffective(f"{target.host.name}: {grown >> 20} of {before['wanted'] >> 20} MiB filled", "")
        return (
            f"{target.host.name}: asked {self.percent:g} %, {used / whole:.1%} of {self.path} in use "
            f"({grown >> 20} MiB filled, {available >> 20} MiB left)"
        )

    def prove_clean(self, target: Target) -> str:
        if self._size(target):
            raise NotClean(f"{target.host.name}: {self._file(target)} is still there", "remove it")
        return f"{room(target, self.path)[1] >> 20} MiB free at {self.path}"

    def status(self, target: Target) -> str:
        size = self._size(target)
        return f"{size >> 20} MiB filled, {room(target, self.path)[1] >> 20} MiB left" if size else "nothing filled"

    def _size(self, target: Target) -> int:
        return int(ssh.sh(target.ssh, f"stat -c %s {self._file(target)} 2>/dev/null", check=False) or 0)
