"""Mounts below a folder: list and unmount them."""

from pathlib import Path

from firedrill.lab.run import run


def below(folder: Path) -> list[Path]:
    """Mount points at or below the folder, the deepest and newest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(line.split()[4].replace(r"\040", " "))
        if point == folder or folder in point.parents:
            found.append(point)
    return found[::-1]


def unmount(folder: Path) -> None:
    """Unmount all of them, lazily if a process still uses one."""
    for point in below(folder):
        if run(["umount", str(point)], check=False).returncode:
            run(["umount", "--lazy", str(point)])
