"""How to log in to a host: address, port, user and keys, from the inventory, else from `~/.ssh/config`.

The rules are those of pyinfra, so that a deploy and a fault log in the same way: the inventory wins; a host is looked
up in the configuration by its address (`ssh_hostname`); a jump host uses the configuration alone.
"""

import functools
import getpass
import glob
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

MOST_INCLUDES = 16


@dataclass(frozen=True)
class Login:
    """The parameters of one SSH connection. `jumps` are the hosts in between, the first one first."""

    address: str
    port: int
    user: str
    keys: tuple[str, ...]
    known_hosts: Path | None
    strict: str  # of the configuration; counts for a jump host
    agent: bool = True
    look_for_keys: bool = True
    password: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    command: str | None = None  # ProxyCommand
    jumps: tuple["Login", ...] = ()

    def __str__(self) -> str:
        return f"{self.user}@{self.address}" + ("" if self.port == 22 else f":{self.port}")


def of(host: Host) -> Login:
    """The login of a host. Raises Problem where the configuration cannot be read."""
    data = host.data
    file = _file(data)
    found = lookup(file, host.address)
    key = data.get("ssh_key")
    return Login(
        address=found.get("hostname", host.address),
        port=data.get("ssh_port") or _port(file, found.get("port", 22)),
        user=data.get("ssh_user") or found.get("user") or getpass.getuser(),
        keys=(str(Path(key).expanduser()),) if key else _identities(found),
        known_hosts=_known_hosts(found),
        strict="",
        agent=data.get("ssh_allow_agent", True),
        look_for_keys=not key and data.get("ssh_look_for_keys", True),
        password=data.get("ssh_password"),
        passphrase=data.get("ssh_key_password"),
        command=found.get("proxycommand"),
        jumps=_jumps(file, found.get("proxyjump", "none")),
    )


def port_of(host: Host) -> int:
    """The port of a host's SSH, which no fault blocks."""
    return of(host).port


def _file(data: Mapping[str, Any]) -> Path:
    named = data.get("ssh_config_file")
    if named and not Path(named).is_file():  # pyinfra would ignore it, and connect without the jump host
        raise Problem(f"no SSH configuration {named}", "correct `ssh_config_file`, with its full path")
    return Path(named or "~/.ssh/config").expanduser()


def _jumps(file: Path, text: str) -> tuple[Login, ...]:
    return () if text == "none" else tuple(_jump(file, one.strip()) for one in text.split(","))


def _jump(file: Path, text: str) -> Login:
    """Of `user@host:port`, whose user and port are optional."""
    user, _, rest = text.rpartition("@")
    name, _, port = rest.partition(":") if rest.count(":") == 1 else (rest, "", "")
    found = lookup(file, name)
    return Login(
        address=found.get("hostname", name),
        port=_port(file, port or found.get("port", 22)),
        user=user or found.get("user") or getpass.getuser(),
        keys=_identities(found),
        known_hosts=_known_hosts(found) or Path("~/.ssh/known_hosts").expanduser(),
        strict=found.get("stricthostkeychecking", "ask"),
    )


def _port(file: Path, text: str | int) -> int:
    """A port of the configuration. Raises Problem."""
    if not str(text).isdecimal() or not 0 < int(text) < 1 << 16:
        raise Problem(f"{file} has the port {text!r}", "correct Port or ProxyJump: user@host:port")
    return int(text)


def _identities(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of IdentityFile that exist; ssh tries the same."""
    named = (Path(one).expanduser() for one in found.get("identityfile", ()))
    return tuple(str(one) for one in named if one.is_file())


def _known_hosts(found: Mapping[str, Any]) -> Path | None:
    words = str(found.get("userknownhostsfile", "")).split()
    return Path(words[0]).expanduser() if words else None


@functools.cache
def lookup(file: Path, name: str) -> Mapping[str, Any]:
    """What the configuration says about a name; nothing where there is no file. Raises Problem."""
    try:
        config = paramiko.SSHConfig.from_text("\n".join(_lines(file)))
        return dict(config.lookup(name))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ImportError, paramiko.SSHException) as error:
        raise Problem(f"{file} cannot be read ({error})", "correct it, or name another in `ssh_config_file`") from None


def _lines(file: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a configuration, those of its Include files in their place."""
    if depth > MOST_INCLUDES:
        raise ValueError("its Include files include each other")
    for line in file.read_text().splitlines():
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if word.lower() == "match" and "exec" in re.split(r"[\s!]+", rest.lower()):
            raise ValueError("it has `Match exec`, which deploys would not understand")
        if word.lower() != "include":
            yield line
            continue
        for pattern in rest.split():
            path = Path(pattern.strip('"')).expanduser()
            for found in sorted(glob.glob(str(path if path.is_absolute() else file.parent / path))):
                yield from _lines(Path(found), depth + 1)
