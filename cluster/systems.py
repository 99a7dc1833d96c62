"""Every database system that Firedrill can drill: one row each."""

from firedrill.cluster import own
from firedrill.cluster.group_replication.system import GroupReplication
from firedrill.cluster.patroni.system import Patroni
from firedrill.cluster.system import System
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Host, Inventory

DEFAULT = "patroni"
SYSTEMS: dict[str, System] = {it.name: it for it in (Patroni(), GroupReplication())}


def system_of(where: Inventory | Host) -> System:
    """The system that `system` in an inventory's data names. Raises InventoryProblem."""
    name = where.data.get("system", DEFAULT)
    if name not in SYSTEMS and own.known(name):
        return own.load(name)
    if name not in SYSTEMS:
        raise InventoryProblem(f"the inventory has the unknown system {name!r}", f"choose one of {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
