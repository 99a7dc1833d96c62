"""A disk per host: a sparse ext4 file, loop-mounted, that holds the upper layer of an overlay on the image.

A host writes to its own file system: a full disk affects only that host, and removing the file removes all it wrote.
What a host has synced is in this machine's page cache, which survives the host's power cut. It does not wait for this
machine's disk: that commits one journal for all hosts, so one host's writes would delay every other's.
"""

import os
from pathlib import Path

from firedrill.lab import mounts
from firedrill.lab.run import run

SYNCED = "barrier=0"  # ext4's: a sync writes everything, without a flush of the disk's cache


def make(file: Path, gib: float, owner: str = "0:0") -> None:
    """Create the sparse, formatted file if it is missing. It gets its name only when it is complete."""
    if file.exists():
        return
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(new, "wb") as handle:
        os.truncate(handle.fileno(), int(gib * 2**30))
    options = f"lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner={owner}"
    run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", options, str(new)])
    new.rename(file)


def mount(image: Path, file: Path, folder: Path) -> Path:
    """Mount the disk and the overlay below `folder` if they are not; return the path of the root file system."""
    disk, root = folder / "disk", folder / "root"
    if root not in mounts.below(folder):
        mounts.unmount(folder)
        disk.mkdir(parents=True, exist_ok=True)
        root.mkdir(exist_ok=True)
        run(["mount", "-o", f"loop,{SYNCED}", str(file), str(disk)])
        (disk / "upper").mkdir(exist_ok=True)
        (disk / "work").mkdir(exist_ok=True)
        options = f"lowerdir={image},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        run(["mount", "-t", "overlay", "-o", options, "overlay", str(root)])
    return root
