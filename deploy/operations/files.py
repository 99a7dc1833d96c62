"""Write the files of a service: one look and, where something differs, one command, whatever their number.

pyinfra's files.template needs some four round trips a file, and a new file is readable by all until its mode
is set. Here the content travels over stdin (no password in a command line), and tar makes each file with
its final mode and owner.
"""

import base64
import hashlib
import io
import tarfile
from dataclasses import dataclass, field

from pyinfra import host
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

# What makes a changed file known to systemd, by the folder that it is in.
TAKE_NOTE = {"/etc/systemd/": "systemctl daemon-reload", "/etc/sysusers.d/": "systemd-sysusers"}


@dataclass(frozen=True)
class HostFile:
    """A file as it should be on a host. Its content may hold passwords and stays out of its repr."""

    path: str
    content: str = field(repr=False)
    mode: int = 0o644
    user: str = "root"
    group: str = "root"

    @property
    def state(self) -> str:
        """What the fact reads of a file that is right."""
        digest = hashlib.sha256(self.content.encode()).hexdigest()
        return f"{digest} {self.mode:o} {self.user} {self.group}"


class FileStates(FactBase[dict[str, str]]):
    """The digest, mode, user and group of each of these files that exists, by path."""

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


@operation()
def write(files: list[HostFile]):
    """
    Bring files to the wanted content, mode and owner; folders that are missing are made.

    + files: the files; those that are right are left alone
    """
    found = host.get_fact(FileStates, paths=[file.path for file in files])
    wrong = [file for file in files if found.get(file.path) != file.state]
    if not wrong:
        host.noop("all files are as they should be")
        return
    # mtime is now: tar's own would be 1970, which confuses those who look for recent changes.
    yield StringCommand(
        "base64 -d | tar --extract --gzip --touch --same-owner -C /",
        _stdin=archive(wrong),
    )
    for folder, command in TAKE_NOTE.items():
        if any(file.path.startswith(folder) for file in wrong):
            yield StringCommand(command)
