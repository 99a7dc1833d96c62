"""The steady state, as Patroni tells it: what a cluster must be before it is broken on purpose."""

from firedrill.cluster.systems import system_of
from firedrill.faults import engine
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access


def refuse_unsteady(access: Access) -> None:
    """Raises Refused where the inventory's cluster is not whole, with what is active on its hosts already."""
    system = system_of(access.inventory)
    if not access.inventory.role(system.database_role):
        return
    view = system.view(access)
    missing = view.error or system.missing(access, view)
    if missing is None:
        return
    with engine.connected(access.inventory.hosts) as connections:
        active = [f"{entry.fault} {entry.id} on {entry.host}" for entry in engine.active(access, connections)]
    held = f"; active already: {', '.join(active)}" if active else ""
    remedy = "`faults heal --all`, or mend it" if active else "mend it"
    raise Refused(f"the cluster is not whole ({missing}){held}", f"{remedy}; say `--unsteady` to go on anyway")
