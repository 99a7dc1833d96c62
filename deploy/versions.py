"""A host's Debian release, and the versions of PostgreSQL and Patroni that it has or will get.

Each host is asked once per deploy. A host that does not answer, such as one that exists only in a plan, has the
release that the inventory names.
"""

import contextlib
import re
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase

from firedrill.deploy import topology
from firedrill.inventories import profiles, releases
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.releases import Release, Version

NUMBER = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class Versions:
    """The release of a host, PostgreSQL's major version, and Patroni's version."""

    release: Release
    postgres: int
    patroni: Version


class Reported(FactBase[dict[str, str]]):
    """`system` and `codename` of a host; of a database host the version of `patroni`: installed, or else available."""

    default = dict

    def command(self, database: bool) -> str:
        system = '. /etc/os-release; echo "system=$ID $VERSION_ID"; echo "codename=$VERSION_CODENAME"'
        patroni = (
            "; v=$(dpkg-query -W -f '${Version}' patroni 2>/dev/null)"
            " || v=$(apt-cache policy patroni 2>/dev/null | sed -n 's/^ *Candidate: //p'); echo \"patroni=$v\""
        )
        return system + patroni if database else system

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(line.split("=", 1) for line in output if "=" in line)


_known: dict[str, Versions] = {}


def here() -> Versions:
    """Those of the current host. Raises InventoryProblem if the deploy does not support its release."""
    name = topology.me().name
    if name not in _known:
        _known[name] = of(topology.me(), host.get_fact(Reported, database=topology.has("postgres")))
    return _known[name]


def learn(one: topology.Host, reported: dict[str, str]) -> None:
    """What a host has reported already, so that it is not asked again; preflight refuses a release without support."""
    with contextlib.suppress(InventoryProblem):
        _known[one.name] = of(one, reported)


def durability() -> profiles.Durability:
    """How durable a commit is. Raises InventoryProblem."""
    return profiles.durability(topology.data(), len(topology.members("postgres")), here().patroni)


def known() -> dict[str, Versions]:
    """Those of all hosts that were asked so far."""
    return dict(_known)


def of(one: topology.Host, reported: dict[str, str]) -> Versions:
    """The versions of a host that reports this. Raises InventoryProblem if the deploy does not support its release."""
    release = _release(one, reported)
    found = NUMBER.search(reported.get("patroni", ""))
    patroni = (int(found[1]), int(found[2])) if found else release.patroni
    return Versions(release, int(releases.postgres_version(one.data, release)), patroni)


def _release(one: topology.Host, reported: dict[str, str]) -> Release:
    wanted, codename = one.data["release"], reported.get("codename")
    if codename is None:
        return releases.named(wanted or one.made_by.get("release"))
    if codename not in releases.RELEASES:
        raise InventoryProblem(
            f"{one.name} runs {reported.get('system') or 'an unknown system'} ({codename or 'no code name'})",
            f"install {' or '.join(map(str, releases.RELEASES.values()))}",
        )
    if wanted not in (None, codename):
        raise InventoryProblem(
            f"{one.name} runs {releases.RELEASES[codename]}, the inventory has the release {wanted!r}",
            f"set `release` of {one.name} to {codename!r}, or leave it out",
        )
    return releases.RELEASES[codename]
