"""Roles that move between hosts: the leader and the replicas when a run began, etcd's leader, the address holder."""

from firedrill.cluster.system import View
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access


def moving(access: Access) -> dict[str, str | None]:
    """`etcd_leader` and `address_holder` by inventory name; null if there is none, or if nobody answers."""
    roles = system_of(access.inventory).roles(access)
    return {"etcd_leader": roles.coordinator_leader, "address_holder": roles.address_holder}


def initial(view: View) -> dict[str, str]:
    """The hosts that `initial_leader`, `initial_replica:1` and so on name in a run that begins now."""
    found = {f"initial_replica:{number}": name for number, name in enumerate(view.replicas, 1)}
    return found | ({"initial_leader": view.leader.name} if view.leader else {})


def named(target: str, initial: dict[str, str]) -> str:
    """A target with the initial roles in it replaced by host names."""
    return ",".join(initial.get(part, part) for part in target.split(","))
