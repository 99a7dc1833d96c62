"""Look at the steady state as clients and operators need it, and wait for it with a deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from firedrill.cluster import fence, front
from firedrill.cluster.system import Epoch, View
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access

INTERVAL_S = 0.5


@dataclass(frozen=True)
class State:
    """One look at the steady state. `detail` says what is missing, None if nothing is."""

    leader: str | None
    sync_standbys: tuple[str, ...]
    epoch: Epoch
    detail: str | None
    view: View = View(())

    @property
    def ok(self) -> bool:
        return self.detail is None

    def __str__(self) -> str:
        standbys = ", ".join(self.sync_standbys) or "none"
        return f"steady state: leader {self.leader}, sync standbys {standbys}, epoch {self.epoch}"


def look(access: Access) -> State:
    """Leader, healthy replicas on its timeline, sync standby, healthy coordinator, every proxy's write port.

    No two proxies hold the floating address, every agent of the fence works, and no host refuses another one.
    """
    system = system_of(access.inventory)
    view = system.view(access)
    leader = view.leader
    detail = view.error or system.missing(access, view) or system.coordinator_error(access) or _front_error(access)
    detail = detail or fence.missing(access)
    return State(leader.name if leader else None, view.sync_standbys, leader.epoch if leader else None, detail, view)


def _front_error(access: Access) -> str | None:
    dialect = system_of(access.inventory).dialect
    addresses = dict.fromkeys([access.front, *(host.address for host in access.inventory.role("proxy"))])
    errors = (dialect.write_route_error(access, address) for address in addresses)
    return next((error for error in errors if error), None) or front.split(access)


def wait(access: Access, seconds: float, tell: Callable[[str], None]) -> tuple[State, float]:
    """Look until the state is reached or the time is over; return the last look and the seconds waited."""
    began = time.monotonic()
    last = None
    while True:
        state = look(access)
        waited = time.monotonic() - began
        if state.ok or waited > seconds:
            return state, waited
        if state.detail != last:
            tell(f"not in its steady state yet: {state.detail}")
            last = state.detail
        time.sleep(INTERVAL_S)
