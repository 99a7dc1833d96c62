"""Storage that hangs."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.protocol import Target
from firedrill.faults.resource import storage


@dataclass(frozen=True)
class StorageHang(storage.Storage):
    """Suspend every write to the file system of `path` (default the data folder), as hung storage does; reads go on."""

    path: str = ""

    file_systems: ClassVar[tuple[str, ...]] = ("ext4", "xfs", "ext3", "f2fs")

    def inject_text(self, target: Target) -> str:
        return f"fsfreeze -f {self.quoted(target)}"

    def undo_text(self, target: Target) -> str:
        # It fails on a file system that is not frozen: then nothing is left to undo.
        return f"fsfreeze -u {self.quoted(target)} 2>/dev/null\n! fsfreeze -u {self.quoted(target)} 2>/dev/null"

    def prove(self, target: Target) -> str:
        return f"{self.prove_write(target, storage.WAITS)} for {storage.SECONDS} s and more"
