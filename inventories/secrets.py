"""The cluster's passwords: random and kept in a file of mode 0600 outside git, or where the inventory's `secrets` say.

A source outside is asked when its password is needed, not before.
"""

import contextlib
import fcntl
import json
import secrets as random
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from firedrill.inventories import private, sources
from firedrill.inventories.errors import InventoryProblem, Problem

NAMES = (
    "superuser", "replication", "rewind", "weather", "firedrill", "patroni_rest",
    "etcd_root", "etcd_patroni", "etcd_firedrill", "haproxy_stats", "group_admin",
    "etcd_fence_judge", "etcd_fence_witness", "etcd_fence_proxy",
    "monitor", "monitor_webhook",
)  # fmt: skip
# In `secrets` of an inventory: the source of all secrets that are not named there.
ALL = "*"
# Of a rotated secret: the password that the next deploy carries to the services. Until then clients use the other one.
COMING = ".new"


class Secrets(Mapping[str, str]):
    """Passwords by name. The repr shows only the names."""

    def __init__(self, *known: Any, **more: Any) -> None:
        self._known: dict[str, Any] = dict(*known, **more)

    def __getitem__(self, name: str) -> str:
        """The password. Raises InventoryProblem if its source does not have it."""
        found = self._known[name]
        if isinstance(found, str):
            return found
        password = sources.password(f"the secret {name}", found)
        if not password.isascii():
            raise InventoryProblem(f"the secret {name} has other characters than ASCII", "change the password")
        return password

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self)})"


def rotate(data: Mapping[str, Any], names: Collection[str] = ()) -> list[str]:
    """Give secrets (all by default) a new password for the next deploy; those that wait for it already keep theirs.

    Returns the names of all secrets that have one. Raises Problem and OSError.
    """
    path, elsewhere = _path(data), _elsewhere(data)
    for name in names:
        _refuse_rotation(name, elsewhere)
    with locked(path):
        content = _read(path)
        mine = content.get(data["cluster"], {})
        for name in names or NAMES:
            if name in mine and name not in elsewhere:
                mine.setdefault(name + COMING, random.token_urlsafe(18))
        private.write(path, json.dumps(content, indent=1))
    return waiting(data)


def waiting(data: Mapping[str, Any]) -> list[str]:
    """The rotated secrets whose new password waits for a deploy."""
    found = known(data)
    return [name for name in NAMES if name + COMING in found]


def _refuse_rotation(name: str, elsewhere: Mapping[str, Any]) -> None:
    if name not in NAMES:
        raise Problem(f"there is no secret {name!r}", f"the secrets are {', '.join(NAMES)}")
    if name in elsewhere:
        raise Problem(f"the secret {name} is not in the secrets file", "change it where it is kept, then deploy")


def coming(data: Mapping[str, Any], *, keep: bool = True) -> Secrets:
    """The passwords that a deploy gives to the services: like load, with the new ones of rotated secrets."""
    found = load(data, keep=keep)
    return Secrets({name: found.get(name + COMING, found[name]) for name in NAMES})


def carried(data: Mapping[str, Any], passwords: Secrets) -> None:
    """After a deploy: its passwords are those in use."""
    path = _path(data)
    with locked(path):
        content = _read(path)
        mine = content.get(data["cluster"], {})
        for name in NAMES:
            if mine.get(name + COMING) == passwords[name]:
                mine[name] = mine.pop(name + COMING)
        private.write(path, json.dumps(content, indent=1))


def load(data: Mapping[str, Any], *, keep: bool = True) -> Secrets:
    """The passwords of a cluster, from its group data. Missing ones are generated, and written unless `keep` is false.

    Raises Problem and OSError.
    """
    path, elsewhere = _path(data), _elsewhere(data)
    found = _read(path).get(data["cluster"], {})
    if missing := [name for name in NAMES if name not in found | elsewhere]:
        if not keep:
            return Secrets(found | {name: random.token_urlsafe(18) for name in missing} | elsewhere)
        with locked(path):
            content = _read(path)
            found = content.setdefault(data["cluster"], {})
            found |= {name: random.token_urlsafe(18) for name in NAMES if name not in found | elsewhere}
            private.write(path, json.dumps(content, indent=1))
    return Secrets(found | elsewhere)


def known(data: Mapping[str, Any]) -> Secrets:
    """The existing passwords of a cluster, from its group data; none is generated."""
    return Secrets(_read(_path(data)).get(data["cluster"], {}) | _elsewhere(data))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a secrets file, whose folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _path(data: Mapping[str, Any]) -> Path:
    return Path(data["secrets_file"]).expanduser()


def _elsewhere(data: Mapping[str, Any]) -> dict[str, Any]:
    """The sources outside the secrets file, by name of the secret."""
    given = data["secrets"]
    names = NAMES if ALL in given else tuple(given)
    return {name: _filled(given[name if name in given else ALL], name=name, cluster=data["cluster"]) for name in names}


def _filled(entry: Mapping[str, Any], **values: str) -> dict[str, Any]:
    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    return {kind: fill(value) if isinstance(value, str) else [*map(fill, value)] for kind, value in entry.items()}


def _read(path: Path) -> dict[str, dict[str, str]]:
    """The content of a secrets file by cluster; empty if there is none. Raises Problem."""
    try:
        content = json.loads(private.read(path))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise _damaged(path, f"is not valid JSON: {error.msg} in line {error.lineno}") from None
    if not (isinstance(content, dict) and all(map(_is_section, content.values()))):
        raise _damaged(path, "does not hold names and passwords by cluster")
    return content


def _is_section(value: Any) -> bool:
    """An empty password, or one with a line break, would reach the services."""
    return isinstance(value, dict) and all(
        isinstance(password, str) and password and password.isascii() and password.isprintable()
        for password in value.values()
    )


def _damaged(path: Path, how: str) -> Problem:
    return Problem(f"{path} {how}", "restore it from a copy: it holds the passwords of your clusters")
