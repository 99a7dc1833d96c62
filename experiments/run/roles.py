"""Roles that move between hosts: the leader and the replicas when a run began, etcd's leader, the address holder."""

from firedrill.cluster import etcd
from firedrill.cluster.patroni import View
from firedrill.faults.targets import RESOLVERS
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def moving(access: Access) -> dict[str, str | None]:
    """`etcd_leader` and `address_holder` by inventory name; null if there is none, or if nobody answers."""
    return {"etcd_leader": etcd.leader(access) if access.etcd else None, "address_holder": _holder(access)}


def initial(view: View) -> dict[str, str]:
    """The hosts that `initial_leader`, `initial_replica:1` and so on name in a run that begins now."""
    found = {f"initial_replica:{number}": name for number, name in enumerate(view.replicas, 1)}
    return found | ({"initial_leader": view.leader.name} if view.leader else {})


def named(target: str, initial: dict[str, str]) -> str:
    """A target with the initial roles in it replaced by host names."""
    return ",".join(initial.get(part, part) for part in target.split(","))


def _holder(access: Access) -> str | None:
    if not access.data.get("vip"):
        return None
    try:
        return next(iter(RESOLVERS["vip_holder"](access)), None)
    except Problem:  # a proxy that refuses the login
        return None
