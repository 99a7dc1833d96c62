"""What the versions of the hosts' packages rule out, for preflight, and what it says of those that it accepts."""

from collections.abc import Mapping

from firedrill.deploy import topology, versions
from firedrill.deploy.versions import Versions
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.releases import ENFORCED_FLOORS, QUORUM_COMMIT


def check_versions() -> list[str]:
    """Refuse what the current host's packages cannot do; return notices, once per deploy. Raises InventoryProblem."""
    here, databases = versions.here(), [one.name for one in topology.members("postgres")]
    if not topology.has("postgres"):
        return []
    check_same({name: found for name, found in versions.known().items() if name in databases})
    durability = versions.durability()
    if topology.me() != topology.first("postgres"):
        return []
    return [text for text in (durability.notice, of_old_patroni(here)) if text]


def check_same(found: Mapping[str, Versions]) -> None:
    """One release and one version of PostgreSQL: others cannot replicate, or sort text differently."""
    by_kind: dict[str, list[str]] = {}
    for name, one in sorted(found.items()):
        by_kind.setdefault(f"PostgreSQL {one.postgres} on {one.release}", []).append(name)
    if len(by_kind) > 1:
        shown = ", ".join(f"{kind} ({', '.join(names)})" for kind, names in by_kind.items())
        raise InventoryProblem(
            f"the databases differ: {shown}", "install the same release on all of them, with one `postgres_version`"
        )


def of_old_patroni(here: Versions) -> str | None:
    """What this version of Patroni cannot do."""
    if here.patroni >= QUORUM_COMMIT:
        return None
    lacks = ["has no quorum commit", "can in rare cases promote a replica that is not a sync standby"]
    if here.patroni < ENFORCED_FLOORS:
        lacks.insert(1, "does not enforce the minimum of its timings (this deploy does)")
    number = ".".join(map(str, here.patroni))
    return f"Patroni {number} of {here.release} {', '.join(lacks[:-1])} and {lacks[-1]}; Debian 13 has 4.0"
