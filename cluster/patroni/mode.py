"""Patroni's own modes and tags: when nobody takes over, and who never does."""

from collections.abc import Mapping
from typing import Any

PAUSED, STANDBY_CLUSTER = "paused (maintenance mode)", "a standby cluster"
LIMITING = ("nofailover", "failover_priority", "nosync", "nostream", "noloadbalance", "replicatefrom")


def of_configuration(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The modes that the dynamic configuration sets."""
    found = [PAUSED] if config.get("pause") is True else []
    return tuple([*found, STANDBY_CLUSTER] if config.get("standby_cluster") else found)


def of_cluster(cluster: Mapping[str, Any], roles: list[str]) -> tuple[str, ...]:
    """The modes that the REST API's /cluster reports."""
    found = [PAUSED] if cluster.get("pause") is True else []
    return tuple([*found, STANDBY_CLUSTER] if "standby_leader" in roles else found)


def may_lead(tags: Any) -> bool:
    """Whether a member with these tags may become the leader: `nofailover` comes before `failover_priority`."""
    if not isinstance(tags, Mapping):
        return True
    if tags.get("nofailover") is not None:
        return not tags["nofailover"]
    try:
        return int(tags.get("failover_priority", 1)) > 0
    except (TypeError, ValueError):
        return True


def shown(tags: Any) -> tuple[str, ...]:
    """The tags that limit what a member does, in words."""
    if not isinstance(tags, Mapping):
        return ()
    set_ = ((name, tags[name]) for name in LIMITING if not (tags.get(name) is None or tags[name] is False))
    return tuple(name if value is True else f"{name} {str(value)[:40]}" for name, value in set_)
