"""A disk that is full except for a margin; by one file, so that removing it frees the disk immediately."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster.systems import system_of
from firedrill.faults import capability
from firedrill.faults.by_backend import ByBackend
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import disk, load

LEAST_MARGIN_MIB = 4
TOLERANCE = 16 << 20


@dataclass(frozen=True)
class DiskFull(ByBackend):
    """Fill the disk of `path` (default the data folder) until `percent` is in use; `margin_mib` MiB stay free."""

    path: str = ""
    percent: float = 100
    margin_mib: int = 16
    backend: str = load.BACKEND

    name: ClassVar[str] = "disk_full"
    kind: ClassVar[str] = "resources"
    touches: ClassVar[tuple[str, ...]] = ()  # a file of its own, which the undo proves to be gone
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        super().check()
        if self.path:
            disk.check(self.path)
        if not 0 < self.percent <= 100:
            raise Refused(f"{self.percent:g} % of a disk", "give more than 0 and at most 100")
        if self.margin_mib < LEAST_MARGIN_MIB:
            raise Refused(f"a margin of {self.margin_mib} MiB", f"leave at least {LEAST_MARGIN_MIB}")

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "fallocate")
        disk.refuse_none(target, self.folder(target))
        super().refuse_host(target)
        if self._wanted(*disk.room(target, self.folder(target))) <= 0:
            raise Refused(f"{target.host.name}: {self.folder(target)} is already that full", "ask for more")

    def note(self, target: Target) -> dict[str, Any]:
        used, available = disk.room(target, self.folder(target))
        return {"used": used, "available": available, "wanted": self._wanted(used, available)}

    def _wanted(self, used: int, available: int) -> int:
        """The size of the file, in bytes."""
        return min(int((used + available) * self.percent / 100) - used, available - (self.margin_mib << 20))

    def folder(self, target: Target) -> str:
        """The folder whose disk is filled."""
        return self.path or system_of(target.host).data_folder

    def file(self, target: Target, name: str = "") -> str:
        """The file that fills the disk, quoted for a shell; backends may have another `name` for it."""
        return disk.file(self.folder(target), name or f".faults-{target.id}.fill")

    def own_inject(self, target: Target) -> str:
        wanted = target.before.get("wanted")
        return f"fallocate -l {'BYTES' if wanted is None else int(wanted)} {self.file(target)}"

    def own_undo(self, target: Target) -> str:
        return f"rm -f {self.file(target)} && [ ! -e {self.file(target)} ]"

    def prove(self, target: Target) -> str:
        before = target.before
        used, available = disk.room(target, self.folder(target))
        grown, size = used - before["used"], before["used"] + before["available"]
        if grown < before["wanted"] * 0.9 - TOLERANCE:
            raise NotEffective(f"{target.host.name}: {grown >> 20} of {before['wanted'] >> 20} MiB filled", "")
        return (
            f"{target.host.name}: asked {self.percent:g} %, {used / size:.1%} of {self.folder(target)} in use "
            f"({grown >> 20} MiB filled, {available >> 20} MiB left)"
        )

    def prove_clean(self, target: Target) -> str:
        free = f"{disk.room(target, self.folder(target))[1] >> 20} MiB free at {self.folder(target)}"
        return "; ".join(filter(None, (free, super().prove_clean(target))))

    def own_status(self, target: Target) -> str:
        """By the disk itself, whichever backend filled it."""
        used, available = disk.room(target, self.folder(target))
        grown = used - int(target.before.get("used", used))
        return f"{grown >> 20} MiB filled, {available >> 20} MiB left" if grown > TOLERANCE else "nothing filled"
