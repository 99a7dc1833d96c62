"""Storage that turned read-only."""

import shlex
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.cluster.systems import system_of
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import storage

# After an error ext4 takes no writes until it is mounted anew, and for that nobody may use it.
UNDO = """\
mount={mount}
takes_writes() {{ findmnt -n -M "$mount" >/dev/null && touch -c -- "$mount" 2>/dev/null; }}
users() {{ find /proc/[0-9]*/fd /proc/[0-9]*/cwd /proc/[0-9]*/root -lname "$mount" -o -lname "$mount/*" 2>/dev/null; }}
for try in $(seq 50); do
  takes_writes && break
  kill -9 $(users | cut -d/ -f3 | sort -u) 2>/dev/null
  umount "$mount" 2>/dev/null || {{ findmnt -n -M "$mount" >/dev/null && sleep 0.2 && continue; }}
  command -v e2fsck >/dev/null && e2fsck -p {source} >/dev/null
  mount -o {options} {source} "$mount"
done
takes_writes || exit 1
for unit in {units}; do systemctl start $unit; done
"""
READ_ONLY = "Read-only file system"
# How the file system treats errors, and how often it is mounted.
LOOK = """\
cat /proc/fs/ext4/$(basename $(readlink -f {source}))/options
grep -c '^[0-9]* [0-9]* {device} ' /proc/self/mountinfo
"""


@dataclass(frozen=True)
class StorageReadOnly(storage.Storage):
    """Turn the ext4 of `path` (default the data folder) read-only, as after an I/O error; heal by remounting it."""

    path: str = ""

    file_systems: ClassVar[tuple[str, ...]] = ("ext4",)

    def refuse_host(self, target: Target) -> None:
        super().refuse_host(target)
        (mount,) = storage.find(target, self.folder(target))
        found = ssh.script(target.ssh, LOOK.format(source=shlex.quote(mount.source), device=mount.device), check=False)
        if "errors=panic" in found.split():
            raise Refused(f"{target.host.name}: {mount} has errors=panic", "the host would crash")
        if found.split()[-1] != "1":
            raise Refused(
                f"{target.host.name}: {mount} is mounted {found.split()[-1]} times", "healing could not unmount it"
            )

    def note(self, target: Target) -> dict[str, Any]:
        system = system_of(target.host)
        services = (service for role in target.host.roles for service in system.services.get(role, ()))
        units = [system.unit(service, target.host) for service in services]
        active = ssh.sh(target.ssh, f"systemctl is-active {shlex.join(units)}", check=False).split()
        running = [unit for unit, state in zip(units, active, strict=False) if state == "active"]
        return super().note(target) | {"units": running}

    def inject_text(self, target: Target) -> str:
        return f"mount -o remount,abort {shlex.quote(target.before.get('mount', self.folder(target)))}"

    def undo_text(self, target: Target) -> str:
        return UNDO.format(
            mount=shlex.quote(target.before.get("mount", self.folder(target))),
            source=shlex.quote(target.before.get("source", "DEVICE")),
            options=shlex.quote(target.before.get("options", "rw")),
            units=shlex.join(target.before.get("units", [])),
        )

    def prove(self, target: Target) -> str:
        evidence = self.prove_write(target, storage.FAILS)
        reason = ssh.sh(target.ssh, f"LC_ALL=C touch -c -- {self.quoted(target)} 2>&1", check=False)
        if READ_ONLY not in reason:
            raise NotEffective(f"{evidence}, but not because it is read-only ({reason.splitlines()[-1:]})", "")
        return f"{evidence}: {READ_ONLY}"
