"""Look at the steady state as clients and operators need it, and wait for it with a deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from firedrill.cluster import etcd, patroni
from firedrill.cluster.steady import what_is_missing
from firedrill.inventories.access import Access

INTERVAL_S = 0.5
ANSWER_S = 1.0


@dataclass(frozen=True)
class State:
    """One look at the steady state. `detail` says what is missing, None if nothing is."""

    leader: str | None
    sync_standbys: tuple[str, ...]
    timeline: int | None
    detail: str | None

    @property
    def ok(self) -> bool:
        return self.detail is None

    def __str__(self) -> str:
        standbys = ", ".join(self.sync_standbys) or "none"
        return f"steady state: leader {self.leader}, sync standbys {standbys}, timeline {self.timeline}"


def look(access: Access) -> State:
    """A leader, all others streaming on its timeline, a sync standby, every etcd member, every proxy's write port."""
    view = patroni.view(access)
    leader = view.leader
    detail = view.error or what_is_missing(view, access) or _etcd_error(access) or _front_error(access)
    return State(leader.name if leader else None, view.sync_standbys, leader.timeline if leader else None, detail)


def _etcd_error(access: Access) -> str | None:
    for host, endpoint in zip(access.inventory.role("etcd"), access.etcd, strict=True):
        try:
            with etcd.client(endpoint, access, ANSWER_S) as client:
                if not client.status().leader:
                    return f"etcd on {host.name} knows no leader"
        except etcd.ERRORS as error:
            return f"etcd on {host.name} does not answer ({type(error).__name__})"
    return None


def _front_error(access: Access) -> str | None:
    addresses = dict.fromkeys([access.front, *(host.address for host in access.inventory.role("proxy"))])
    for address in addresses:
        try:
            with psycopg.connect(**access.sql_front() | {"host": address}) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.Error as error:
            return f"no connection through {address} ({str(error).strip().splitlines()[0]})"
        if row and row[0]:
            return f"the write port of {address} leads to a replica"
    return None


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
