"""Files that hold secrets: read only if nobody else can read or replace them, and written in one step."""

import os
import stat
from pathlib import Path

from firedrill.inventories.errors import Problem

MOST = 1 << 20


def read(path: Path) -> str:
    """The text of a file of ours that no other user can read. Raises Problem, and OSError if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise Problem(f"{path} is a symbolic link", "name the file itself") from None
        if isinstance(error, PermissionError):
            raise Problem(f"{path} cannot be read ({error.strerror})", "run this as the file's owner") from None
        raise
    try:
        check(path, os.fstat(file))
        content = os.read(file, MOST)
    finally:
        os.close(file)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Problem(f"{path} is not UTF-8 text", "restore the file from a copy") from None


def check(path: Path, found: os.stat_result) -> None:
    """Refuse what is no file, belongs to another user, or can be read or written by others. Raises Problem."""
    if not stat.S_ISREG(found.st_mode):
        raise Problem(f"{path} is not a regular file", "name a file")
    if found.st_uid not in (os.geteuid(), 0):
        raise Problem(f"{path} belongs to another user (uid {found.st_uid})", f"run `chown {os.geteuid()} {path}`")
    if found.st_mode & 0o077:
        raise Problem(
            f"{path} is accessible to other users (mode {stat.S_IMODE(found.st_mode):04o})", f"run `chmod 600 {path}`"
        )


def write(path: Path, text: str) -> None:
    """Replace a file of ours, or leave it as it is. Its folder must exist. Raises OSError."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
