"""SSH host keys: a host's first key is written down; another one is refused from then on.

The file is the inventory's `ssh_known_hosts_file`, which pyinfra reads, too, with the same rule (`accept-new`), or the
UserKnownHostsFile of `~/.ssh/config`; by default one of our own next to the passwords. The key of a jump host has to be
in the file that `ssh` uses, unless `~/.ssh/config` says `StrictHostKeyChecking accept-new`.
"""

import contextlib
from pathlib import Path

import paramiko
from paramiko.hostkeys import InvalidHostKey

from firedrill.cluster import login
from firedrill.cluster.login import Login
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

KNOWN_ONLY = "`ssh_strict_host_key_checking` is yes"


class WrongKey(Problem):
    """A host key that is not the known one, or an unknown one where only known ones are accepted."""


def file_of(host: Host) -> Path:
    """The file with the keys of known hosts."""
    if named := host.data.get("ssh_known_hosts_file"):
        return Path(named).expanduser()
    if configured := login.of(host).known_hosts:
        return configured
    return Path(host.data["secrets_file"]).expanduser().with_name("known_hosts")


def apply(client: paramiko.SSHClient, host: Host) -> None:
    """Have a client check the host's key. Raises Problem where the file cannot be read."""
    file = file_of(host)
    _load(client, file)
    strict = host.data.get("ssh_strict_host_key_checking") == "yes"
    client.set_missing_host_key_policy(_OnlyKnown(host.name, file, KNOWN_ONLY) if strict else _AcceptNew(file))


def apply_to_jump(client: paramiko.SSHClient, jump: Login) -> None:
    """The same for a jump host."""
    file = jump.known_hosts
    assert file
    _load(client, file)
    new = jump.strict in ("accept-new", "no", "off")
    why = "`StrictHostKeyChecking accept-new` is not set for it"
    client.set_missing_host_key_policy(_AcceptNew(file) if new else _OnlyKnown("it", file, why))


def _load(client: paramiko.SSHClient, file: Path) -> None:
    try:
        client.load_host_keys(str(file))
    except FileNotFoundError:
        pass  # no host is known yet
    except (OSError, ValueError, InvalidHostKey) as error:
        raise Problem(f"{file}: the known SSH host keys cannot be read ({error})", "fix or remove the file") from None


def changed(host: Host, error: paramiko.BadHostKeyException) -> WrongKey:
    """The error for a host that shows another key than before."""
    file, name = file_of(host), _entry(host)
    line, key = _line(file, name), f"{error.key.get_name()} {error.key.fingerprint}"
    return WrongKey(
        f"{host.name} ({host.address}) shows another SSH host key ({key}) than the known one in {file}"
        f"{f', line {line}' if line else ''}",
        f"if it was reinstalled, remove the known key: ssh-keygen -f {file} -R '{name}'",
    )


def _entry(host: Host) -> str:
    """What a host is called in the file."""
    to = login.of(host)
    return to.address if to.port == 22 else f"[{to.address}]:{to.port}"


def _line(file: Path, name: str) -> int | None:
    """The number of a host's first line; None where it is hashed or cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if name in line.partition(" ")[0].split(","):
                return number
    return None


class _AcceptNew(paramiko.MissingHostKeyPolicy):
    """Accept the key of a host that is not known yet, and append it to the file.

    Refuse it where the file cannot be written: otherwise any key would be accepted, each time.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        try:
            self._append(f"{hostname} {key.get_name()} {key.get_base64()}\n")
        except OSError as error:
            raise WrongKey(
                f"{hostname} has no SSH host key in {self.file}, which cannot be written ({error.strerror or error})",
                "make it writable, or name another file in `ssh_known_hosts_file`",
            ) from None

    def _append(self, line: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.file, "ab+") as out:
            if out.tell():
                out.seek(-1, 2)
                gap = "" if out.read(1) == b"\n" else "\n"
            else:
                gap = ""
            out.write((gap + line).encode())


class _OnlyKnown(paramiko.MissingHostKeyPolicy):
    """Refuse a host that is not in the file."""

    def __init__(self, name: str, file: Path, why: str) -> None:
        self.name, self.file, self.why = name, file, why

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise WrongKey(
            f"{self.name} ({hostname}) has no SSH host key in {self.file}, and {self.why}",
            f"add it: {hostname} {key.get_name()} {key.get_base64()}",
        )
