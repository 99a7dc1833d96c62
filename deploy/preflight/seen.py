"""What was seen of a host, and findings about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from firedrill.deploy.preflight.finding import Finding
from firedrill.inventories.read import Host


@dataclass(frozen=True)
class Seen:
    """What deploy/on_host/survey.py reported of a host, between these two moments of the controller's clock."""

    host: Host
    found: dict[str, Any]
    before: float = 0
    after: float = 0

    @property
    def deployed(self) -> bool:
        """Whether this host has data of the cluster, so that no less may be asked of it than it can do anyway."""
        parts = [self.found[name]["exists"] for name in ("etcd", "postgres", "mysqld") if name in self.found]
        return any(parts) if parts else bool(self.found["ours"])


Findings = Iterator[Finding]


def finding(seen: Seen, check: str, cause: str, remedy: str, *, refused: bool = True) -> Finding:
    return Finding(seen.host.name, check, cause, remedy, refused)
