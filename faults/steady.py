"""A cluster that is not in its steady state is not broken further."""

from collections.abc import Sequence

from firedrill.cluster.system import View
from firedrill.cluster.systems import system_of
from firedrill.faults.active import active
from firedrill.faults.connections import connected
from firedrill.faults.protocol import Refused
from firedrill.inventories import drill_lock
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host


def refuse_drill(access: Access) -> None:
    """Raises Refused while a drill runs on the cluster: it would measure this fault too, and heal it."""
    if holder := drill_lock.holder(access.inventory):
        raise Refused(
            f"{holder.running('this cluster')}, which would measure this fault, or undo it", "wait until it has ended"
        )


def refuse_unsteady(access: Access, hit: Sequence[Host] = ()) -> None:
    """Raises Refused where the cluster is not in its steady state, and names the injections that are active.

    Nor is its leader hit where no other member would take over.
    """
    system = system_of(access.inventory)
    if not access.inventory.role(system.database_role):
        return
    view = system.view(access)
    missing = view.error or system.missing(access, view)
    if missing is None:
        _refuse_without_failover(view, hit)
        return
    with connected(access.inventory.hosts) as connections:
        found = [f"{entry.fault} {entry.id} on {entry.host}" for entry in active(access, connections)]
    also = f"; active already: {', '.join(found)}" if found else ""
    remedy = "`faults heal --all`, or repair it" if found else "repair it"
    raise Refused(
        f"the cluster is not in its steady state ({missing}){also}", f"{remedy}; add `--unsteady` to continue anyway"
    )


def _refuse_without_failover(view: View, hit: Sequence[Host]) -> None:
    reason = view.no_failover
    if reason and view.leader and view.leader.name in {host.name for host in hit}:
        raise Refused(
            f"{view.leader.name} leads, and {reason}: no node would take over", "add `--unsteady` to continue anyway"
        )
