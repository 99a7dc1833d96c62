"""Storage that hangs."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults.protocol import NotEffective, Target
from firedrill.faults.resource import storage

# The seconds for which the proof's write has waited.
WAITING = """\
ps -C touch -o stat=,etimes=,args= | while read -r state seconds command; do
  case "$state $command" in D*" touch -c -- "{path}) echo "$seconds";; esac
done
"""


@dataclass(frozen=True)
class StorageHang(storage.Storage):
    """Suspend every write to the file system of `path` (default the data folder), as hung storage does; reads go on."""

    path: str = ""

    file_systems: ClassVar[tuple[str, ...]] = ("ext4", "xfs", "ext3", "f2fs")

    def inject_text(self, target: Target) -> str:
        return f"fsfreeze -f {self.quoted(target)}"

    def undo_text(self, target: Target) -> str:
        # It fails on a file system that is not frozen: then nothing is left to undo. A second one, as a proof, would
        # wait until all that was held back is written; the proof is a write.
        return f"fsfreeze -u {self.quoted(target)} 2>/dev/null || true"

    def prove(self, target: Target) -> str:
        return f"{self.prove_write(target, storage.WAITS)} for {storage.SECONDS} s and more"

    def lasts(self, target: Target) -> str:
        """The write of the proof waits still: another one would have to wait, too."""
        shown = ssh.script(target.ssh, WAITING.format(path=self.quoted(target)), check=False)
        if not shown:
            raise NotEffective(f"{target.host.name}: no write to {self.folder(target)} waits any more", "")
        return f"{target.host.name}: a write to {self.folder(target)} has waited for {shown.split()[0]} s"
