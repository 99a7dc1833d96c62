"""Passwords: random, generated once, kept in a file of mode 0600 outside git."""

import fcntl
import json
import os
import secrets as random
from pathlib import Path

NAMES = (
    "superuser", "replication", "rewind", "weather", "firedrill", "patroni_rest",
    "etcd_root", "etcd_patroni", "etcd_firedrill", "haproxy_stats",
)  # fmt: skip


class Secrets(dict):
    """Passwords by name. The repr shows only the names."""

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self)})"


def load(path: str | Path, cluster: str) -> Secrets:
    """The passwords of a cluster. Missing ones are generated and written first; reading needs no write.

    Raises OSError.
    """
    path = Path(path).expanduser()
    found = known(path, cluster)
    if all(name in found for name in NAMES):
        return found
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = json.loads(path.read_text()) if path.exists() else {}
        mine = content.setdefault(cluster, {})
        missing = [name for name in NAMES if name not in mine]
        if missing:
            mine.update({name: random.token_urlsafe(18) for name in missing})
            _write(path, content)
    return Secrets(mine)


def known(path: str | Path, cluster: str) -> Secrets:
    """The existing passwords of a cluster; none is generated."""
    path = Path(path).expanduser()
    return Secrets(json.loads(path.read_text()).get(cluster, {}) if path.exists() else {})


def _write(path: Path, content: dict) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
