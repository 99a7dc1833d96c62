"""Write the files of a service: one fact and, if something differs, one command for all of them.

pyinfra's files.template needs about four round trips per file, and a new file is world-readable until its mode is
set. Here the content comes over stdin (no password in a command line), and tar creates each file with its final mode
and owner.

A deploy may be killed at any moment. So each file is created under another name and renamed once all have arrived,
and a mark in /run lists the units that have not taken up their changed files. services.running removes it; the next
deploy finds it. A host may lose power just as well: each file and its folder are synced. Otherwise ext4 leaves an empty
file if power fails within 30 s, its default until data is written.
"""

import base64
import hashlib
import io
import shlex
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import FactBase, QuoteString, StringCommand, operation
from pyinfra.api.operation import OperationMeta

UNAPPLIED = "/run/firedrill/unapplied"
NEW = ".firedrill-new"
UNITS = "/etc/systemd/"
USERS = "/etc/sysusers.d/"


@dataclass(frozen=True)
class HostFile:
    """The wanted state of a file on a host. Its content may include passwords and is not part of the repr."""

    path: str
    content: str = field(repr=False)
    mode: int = 0o644
    user: str = "root"
    group: str = "root"

    @property
    def state(self) -> str:
        """The state that the fact reports if the file is up to date."""
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return f"{digest} {self.mode:o} {self.user} {self.group}"


class FileStates(FactBase[dict[str, str]]):
    """Digest, mode, user and group of those files that exist, by path."""

    default = dict

    def command(self, paths: list[str]) -> StringCommand:
        look = 'echo "$(sha256sum <"$f" | cut -c-64) $(stat -c "%a %U %G %n" "$f")"'
        quoted = StringCommand(*(QuoteString(path) for path in paths)).get_raw_value()
        return StringCommand(f'for f in {quoted}; do [ -f "$f" ] && {look}; done; true')

    def process(self, output: list[str]) -> dict[str, str]:
        rows = (line.split(" ", 4) for line in output)
        return {row[4]: " ".join(row[:4]) for row in rows if len(row) == 5}


def archive(files: list[HostFile]) -> str:
    """The files as a tar archive in base64."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for file in files:
            content = file.content.encode()
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            entry.size, entry.mode, entry.uname, entry.gname = len(content), file.mode, file.user, file.group
            tar.addfile(entry, io.BytesIO(content))
    return base64.b64encode(packed.getvalue()).decode()


@dataclass(frozen=True)
class Written:
    """An operation that writes files, and the units that must take up a change of them."""

    operation: OperationMeta
    units: tuple[str, ...]

    @property
    def will_change(self) -> bool:
        return bool(self.operation.will_change)

    def did_change(self) -> bool:
        return bool(self.operation.did_change())


def write(name: str, files: list[HostFile], units: Sequence[str] = ()) -> Written:
    """Give files the wanted content, mode and owner. `units`: the units that must take up a change."""
    return Written(_written(name=name, files=files, units=units), tuple(units))


@operation()
def _written(files: list[HostFile], units: Sequence[str]):
    """
    Give files the wanted content, mode and owner. Missing folders are created.

    + files: the files; those that are up to date are not changed
    + units: the units that must take up a change
    """
    found = host.get_fact(FileStates, paths=[file.path for file in files])
    wrong = [file for file in files if found.get(file.path) != file.state]
    if not wrong:
        host.noop("all files are up to date")
        return
    yield StringCommand(replace([file.path for file in wrong], units), _stdin=archive(wrong))


def replace(paths: list[str], units: Sequence[str]) -> str:
    """The shell command that replaces files by those of an archive on its standard input: all of them, or none."""
    new = [shlex.quote(path + NEW) for path in paths]
    marks = shlex.join(f"{UNAPPLIED}/{unit}" for unit in units)
    folders = sorted({shlex.quote(str(PurePosixPath(path).parent)) for path in paths})
    users = [name for name, path in zip(new, paths, strict=True) if path.startswith(USERS)]
    steps = [
        # --touch: otherwise the mtime would be 1970, which misleads searches for recent changes.
        f"base64 -d | tar --extract --gzip --touch --same-owner --transform='s/$/{NEW}/' -C /",
        f"systemd-sysusers {' '.join(users)}" if users else "",
        f"mkdir -p {UNAPPLIED} && touch {marks}" if units else "",
        f"sync {' '.join(new)}",
        *(f"mv -fT {name} {shlex.quote(path)}" for name, path in zip(new, paths, strict=True)),
        f"sync {' '.join(folders)}",
    ]
    done = " && ".join(step for step in steps if step)
    reload = "; systemctl daemon-reload" if any(path.startswith(UNITS) for path in paths) else ""
    return f"{{ {done}; }} || {{ rm -f {' '.join(new)}; exit 1; }}{reload}"
