"""Injections that healed by themselves at their limit leave the ledger, once their hosts are proven clean.

Nothing is undone here: a host that still holds its undo is at it, and one that is not clean stays on record.
"""

import contextlib

from firedrill.cluster import clock
from firedrill.cluster.each import each
from firedrill.faults import lasting, ledger, serving, undo
from firedrill.faults.active import fault_of, target_of
from firedrill.faults.connections import Connections, connected
from firedrill.faults.ledger import Entry
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def retire(access: Access, connections: Connections | None = None) -> None:
    """Ask the hosts of injections that are over their limit. A ledger that cannot be written stays as it is."""
    late = [entry for entry in ledger.entries(access.inventory) if entry.until < clock.wall_s()]
    late = [entry for entry in late if lasting.held_by_host(entry, access)]
    if not late:
        return
    with contextlib.ExitStack() as stack:
        if connections is None:
            names = {entry.host for entry in late}
            hosts = [host for host in access.inventory.hosts if host.name in names]
            connections = stack.enter_context(connected(hosts))
        healed = each(lambda entry: _healed_itself(entry, access, connections), late)
    with contextlib.suppress(Problem):
        for entry in [entry for entry, is_healed in zip(late, healed, strict=True) if is_healed]:
            ledger.remove(access.inventory, entry.id)


def _healed_itself(entry: Entry, access: Access, connections: Connections) -> bool:
    try:
        fault, target = fault_of(entry, access), target_of(entry, access, connections)
        if target.connection is None or any(one.id == entry.id for one in undo.journals(target.ssh)):
            return False
        if not hasattr(fault, "prove_healed"):
            return False
        fault.prove_healed(target)
        serving.prove(target)
        return True
    except (Problem, LookupError, TypeError, ValueError, AttributeError):
        return False
