"""Who has a part that moves: who led when the run began, who leads etcd, which proxy holds the floating address."""

from firedrill.cluster import etcd
from firedrill.cluster.patroni import View
from firedrill.faults.targets import RESOLVERS
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def parts(access: Access) -> dict[str, str | None]:
    """`etcd_leader` and `address_holder` by their names in the inventory; null where there is none, or none answers."""
    return {"etcd_leader": etcd.leader(access) if access.etcd else None, "address_holder": _holder(access)}


def initial(view: View) -> dict[str, str]:
    """Who is `initial_leader`, `initial_replica:1` and so on in a run that begins now."""
    found = {f"initial_replica:{number}": name for number, name in enumerate(view.replicas, 1)}
    return found | ({"initial_leader": view.leader.name} if view.leader else {})


def named(spec: str, then: dict[str, str]) -> str:
    """A target, with those who were something `then` by their names."""
    return ",".join(then.get(one, one) for one in spec.split(","))


def _holder(access: Access) -> str | None:
    if not access.data.get("vip"):
        return None
    try:
        return next(iter(RESOLVERS["vip_holder"](access)), None)
    except Problem:  # a proxy that does not let us in
        return None
