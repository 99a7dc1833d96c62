"""The settings of a deployed cluster: its profile, single values over it, and how durable a commit is.

The levels of `durability`, and what each sets in Patroni:

    off      a commit waits for no standby
    on       for `synchronous_nodes` standbys; if none is left, the leader goes on alone
    strict   the same, but without a standby every commit waits
    quorum   any of the standbys confirms, so that a lost one delays nothing (Patroni 4.0 and later)
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.releases import QUORUM_COMMIT, Version

LEVELS = ("off", "on", "strict", "quorum")
NO_FENCE = "off"
# Under quorum commit a promoted standby waits for the other half of the quorum. With two databases that is the dead
# leader, until Patroni removes it.
QUORUM_DATABASES = 3
_MODES: dict[str, Any] = {"off": False, "on": True, "strict": True, "quorum": "quorum"}


class Durability(NamedTuple):
    """The level in effect, and why it is not the one that was asked for, if it is not."""

    level: str
    notice: str | None = None


def settings(data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the profile in use, overridden by `timings` and `durability`."""
    chosen: dict[str, Any] = data["profiles"][data["profile"]] | data.get("timings", {})
    given = {"synchronous_mode": data["durability"]} if data["durability"] else {}
    return chosen | given | {"synchronous_node_count": data["synchronous_nodes"]}


def fence(data: Mapping[str, Any]) -> dict[str, Any]:
    """The mode and the timings of the fence, as the profile of a run records them: seconds.

    `fence_silence`: how long it hears nothing before it may act.
    """
    if data["fence"] == NO_FENCE:
        return {"fence": NO_FENCE}
    return {
        "fence": data["fence"],
        "fence_misses": data["fence_misses"],
        "fence_interval": data["fence_interval_ms"] / 1000,
        "fence_silence": data["fence_misses"] * data["fence_interval_ms"] / 1000,
    }


def durability(data: Mapping[str, Any], databases: int, patroni: Version | None = None) -> Durability:
    """The level for that many databases and this version of Patroni.

    A level that `durability` sets is used or refused; that of a profile gives way to what the cluster can do. Raises
    InventoryProblem.
    """
    given, level = data["durability"], settings(data)["synchronous_mode"]
    if level not in LEVELS:
        raise InventoryProblem(f"the durability is {level!r}", f"choose one of {', '.join(LEVELS)}")
    _check_standbys(data, databases, given)
    if level != "quorum" or (why := _no_quorum(databases, patroni)) is None:
        return Durability(level)
    if given:
        raise InventoryProblem(f"`durability` is 'quorum', and {why}", "set it to 'on' or 'strict'")
    return Durability("on", f"durability is 'on' instead of the 'quorum' of profile {data['profile']}: {why}")


def _no_quorum(databases: int, patroni: Version | None) -> str | None:
    if patroni and patroni < QUORUM_COMMIT:
        needed = ".".join(map(str, QUORUM_COMMIT))
        return f"Patroni {patroni[0]}.{patroni[1]} has no quorum commit ({needed} and later)"
    if databases < QUORUM_DATABASES:
        return f"{databases} databases have no majority without the leader"
    return None


def _check_standbys(data: Mapping[str, Any], databases: int, given: str | None) -> None:
    needed = data["synchronous_nodes"]
    if given in ("on", "strict", "quorum") and databases < 2:
        raise InventoryProblem(
            f"`durability` is {given!r}, and there is no standby", "add a database, or set it to 'off'"
        )
    if needed > max(1, databases - 1):
        raise InventoryProblem(
            f"`synchronous_nodes` is {needed}, and {databases} databases have {databases - 1} standbys",
            f"set it to {max(1, databases - 1)} or less",
        )


def patroni_settings(level: str, nodes: int) -> dict[str, Any]:
    """Patroni's dynamic configuration of a level."""
    return {
        "synchronous_mode": _MODES[level],
        "synchronous_mode_strict": level == "strict",
        "synchronous_node_count": nodes,
    }
