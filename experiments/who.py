"""Who else has a part that moves: who leads etcd, which proxy holds the floating address."""

from faults import etcd
from faults.targets import RESOLVERS
from inventories.access import Access
from inventories.errors import Problem


def parts(access: Access) -> dict[str, str | None]:
    """`etcd_leader` and `address_holder` by their names in the inventory; null where there is none, or none answers."""
    return {"etcd_leader": etcd.leader(access) if access.etcd else None, "address_holder": _holder(access)}


def _holder(access: Access) -> str | None:
    if not access.data.get("vip"):
        return None
    try:
        return next(iter(RESOLVERS["vip_holder"](access)), None)
    except Problem:  # a proxy that does not let us in
        return None
