"""The file system that holds a folder of a host, and whether it may fail alone: without SSH, the undo and the logs."""

import re
import shlex
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.cluster.systems import system_of
from firedrill.faults import capability
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target
from firedrill.faults.resource import disk

# What SSH, systemd, the undo and the logs need.
OTHERS = ("/", "/etc", "/usr", "/run", "/tmp", "/var/tmp", "/var/lib", "/var/log", "/root")
FIELDS = "MAJ:MIN,FSTYPE,SOURCE,TARGET,OPTIONS"
ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
SECONDS = 1
# A write that needs no file: the time of the folder. It ends when the file system takes writes again.
WRITE = """\
touch -c -- {path} </dev/null >/dev/null 2>&1 & pid=$!
sleep {seconds}
if [ "$(cut -d' ' -f3 /proc/$pid/stat 2>/dev/null)" = D ]; then echo waits
elif wait $pid; then echo done; else echo fails; fi
"""
WAITS, DONE, FAILS = "waits", "done", "fails"


@dataclass(frozen=True)
class Mount:
    """A mounted file system, as findmnt shows it."""

    device: str
    kind: str
    source: str
    target: str
    options: str

    def __str__(self) -> str:
        return f"{self.target} ({self.kind} on {self.source})"


class Storage(OnHost):
    """A fault of the file system that holds `path`, by default the data folder."""

    path: str

    kind: ClassVar[str] = "resources"
    default_limit_s: ClassVar[float] = 60
    touches: ClassVar[tuple[str, ...]] = ()  # a file system, which each fault proves to take writes again
    file_systems: ClassVar[tuple[str, ...]]

    def check(self) -> None:
        if self.path:
            disk.check(self.path)

    def folder(self, target: Target) -> str:
        return self.path or system_of(target.host).data_folder

    def quoted(self, target: Target) -> str:
        return shlex.quote(self.folder(target))

    def refuse_host(self, target: Target) -> None:
        """Raises Refused unless the file system holds the data alone, is of a kind that this fault knows, and works."""
        mount = of_its_own(target, self.folder(target))
        if mount.kind not in self.file_systems:
            raise Refused(
                f"{target.host.name}: {mount} is not {' or '.join(self.file_systems)}", "choose another fault"
            )
        if (found := self.write(target)) != DONE:
            raise Refused(f"{target.host.name}: a write to {mount} {found} already", "repair it first")

    def note(self, target: Target) -> dict[str, Any]:
        (mount,) = find(target, self.folder(target))
        return {"source": mount.source, "mount": mount.target, "options": mount.options, "shown": str(mount)}

    def write(self, target: Target) -> str:
        """What a write does within SECONDS: WAITS, DONE or FAILS."""
        text = WRITE.format(path=self.quoted(target), seconds=SECONDS)
        return str(ssh.script(target.ssh, text, seconds=ssh.RECOVERING_SECONDS, check=False))

    def prove_write(self, target: Target, wanted: str) -> str:
        """The evidence that a write does what is wanted. Raises NotEffective."""
        if (found := self.write(target)) != wanted:
            raise NotEffective(f"{target.host.name}: a write to {target.before['shown']} {found}, it should not", "")
        return f"{target.host.name}: a write to {target.before['shown']} {found}"

    def prove_clean(self, target: Target) -> str:
        if (found := self.write(target)) != DONE:
            raise NotClean(f"{target.host.name}: a write to {self.folder(target)} {found}", "heal it again")
        return f"{self.folder(target)} takes writes"

    def status(self, target: Target) -> str:
        return f"a write to {self.folder(target)}: {self.write(target)}"


def of_its_own(target: Target, path: str) -> Mount:
    """The mount that holds a folder. Raises Refused if it may not fail: the machine's, or one that others need."""
    capability.need(target, "own_kernel", "findmnt", "fsfreeze")
    disk.refuse_none(target, path)
    mount, *others = find(target, path, *OTHERS)
    if shared := [name for name, other in zip(OTHERS, others, strict=True) if other.device == mount.device]:
        raise Refused(
            f"{target.host.name}: {path} is on {mount}, which SSH and the undo need for {', '.join(shared)}",
            "this fault needs a file system for the data alone",
        )
    return mount


def find(target: Target, *paths: str) -> list[Mount]:
    """The mounts that hold these paths. Raises Refused."""
    lines = [f'echo "$(findmnt -n -r -o {FIELDS} -T {shlex.quote(path)} 2>/dev/null | tail -1)"' for path in paths]
    shown = ssh.script(target.ssh, "\n".join(lines), check=False).split("\n")
    if len(shown) != len(paths):
        raise Refused(f"{target.host.name}: findmnt shows {len(shown)} mounts of {len(paths)} paths", "try again")
    return [_parse(target, path, line) for path, line in zip(paths, shown, strict=True)]


def _parse(target: Target, path: str, line: str) -> Mount:
    words = [ESCAPED.sub(lambda found: chr(int(found[1], 16)), word) for word in line.split()]
    if len(words) != len(FIELDS.split(",")):
        raise Refused(f"{target.host.name}: no mount holds {path} (findmnt shows {line!r})", "does the path exist?")
    return Mount(*words)
