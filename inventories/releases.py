"""The Debian releases that hosts may run, and what their packages can do. Standard library only: the lab's image
is built with it while pip still makes the environment.
"""

from dataclasses import dataclass
from typing import Any

from firedrill.inventories.errors import InventoryProblem

Version = tuple[int, int]


@dataclass(frozen=True)
class Release:
    """A release: its code name, its number, and the versions of its packages."""

    codename: str
    number: str
    postgres: str
    patroni: Version

    def __str__(self) -> str:
        return f"Debian {self.number} ({self.codename})"


RELEASES = {
    it.codename: it
    for it in (
        Release("bookworm", "12", postgres="15", patroni=(3, 0)),
        Release("trixie", "13", postgres="17", patroni=(4, 0)),
    )
}
DEFAULT = "trixie"
# What the deploy uses where it can: from which version on, by major and minor number.
QUORUM_COMMIT: Version = (4, 0)  # Patroni; older ones take `quorum` for `off`
ENFORCED_FLOORS: Version = (3, 2)  # Patroni; older ones run with whatever timings they are given
BUILTIN_LOCALE = 17  # PostgreSQL


def named(codename: str | None) -> Release:
    """The release with this code name; None is the default. Raises InventoryProblem."""
    if (codename or DEFAULT) not in RELEASES:
        raise InventoryProblem(f"unknown release {codename!r}", f"the releases are {', '.join(RELEASES)}")
    return RELEASES[codename or DEFAULT]


def postgres_version(data: dict[str, Any], release: Release) -> str:
    """PostgreSQL's major version on a host: what the inventory sets, otherwise the release's own."""
    return str(data["postgres_version"] or release.postgres)
