"""The disk that holds a folder of a host: whether it is one, how full it is, and the file names used there."""

import shlex

from firedrill.cluster import ssh
from firedrill.faults.protocol import Refused, Target

IN_MEMORY = ("tmpfs", "ramfs")


def check(path: str) -> None:
    """Raises Refused if it is not an absolute path."""
    if not path.startswith("/") or not path.isprintable():
        raise Refused(f"the path {path!r} is not absolute", "give a folder on the intended disk")


def file(folder: str, name: str) -> str:
    """A file in the folder, quoted for a shell."""
    return shlex.quote(f"{folder.rstrip('/')}/{name}")


def refuse_none(target: Target, path: str) -> None:
    """Raises Refused if the path is not a folder, or is in memory."""
    kind = ssh.sh(target.ssh, f"[ -d {shlex.quote(path)} ] && stat -f -c %T {shlex.quote(path)}", check=False)
    if not kind:
        raise Refused(f"{target.host.name} has no folder {path}", "give one on the intended disk")
    if kind in IN_MEMORY:
        raise Refused(f"{target.host.name}: {path} is held in memory ({kind})", "give a folder on a disk")


def room(target: Target, path: str) -> tuple[int, int]:
    """Bytes in use, and bytes available to services, on the disk that holds the path."""
    shown = ssh.sh(target.ssh, f"df -B1 --output=used,avail {shlex.quote(path)} | tail -1")
    used, available = map(int, shown.split())
    return used, available
