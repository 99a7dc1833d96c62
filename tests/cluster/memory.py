"""A second database system, in memory: what a new one must provide, and nothing of PostgreSQL, Patroni or etcd."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from firedrill.cluster.dialect import Answer, Lane, Session
from firedrill.cluster.observer import Observer, Write
from firedrill.cluster.outcomes import ACKED, FAILED
from firedrill.cluster.system import (
    PRIMARY,
    REPLICA,
    Check,
    Handover,
    Injection,
    Member,
    Prediction,
    Roles,
    View,
)
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host


class MemoryLane:
    """Every write is acknowledged, unless the node is a replica."""

    open = True

    def __init__(self, rows: list[int], server: str | None, *, readonly: bool) -> None:
        self.rows = rows
        self.server = server
        self.readonly = readonly

    async def write(self, identity: int) -> Answer:
        if self.readonly:
            return Answer(FAILED, readonly=True, error="read-only")
        self.rows.append(identity)
        return Answer(ACKED, server=self.server, epoch="view-7")

    async def close(self) -> None:
        pass


class MemorySession:
    """A user's connection: every statement is confirmed."""

    def insert(self, identity: str, text: str) -> None:
        pass

    def last(self) -> None:
        pass

    def close(self) -> None:
        pass


class MemoryDialect:
    def __init__(self) -> None:
        self.rows: list[int] = []
        self.tables = False
        self.primary = "db1"

    def front_lane(self, access: Access, connect_s: float, deadline_s: float) -> Lane:
        return MemoryLane(self.rows, access.inventory[self.primary].address, readonly=False)

    def node_lane(self, access: Access, host: Host, connect_s: float, deadline_s: float) -> Lane:
        return MemoryLane([], None, readonly=host.name != self.primary)

    def sessions(self, access: Access, *, writes: bool) -> Callable[[], Session]:
        return MemorySession

    def tables_exist(self, access: Access) -> bool:
        return self.tables

    def create_tables(self, access: Access) -> None:
        self.tables = True
        self.rows.clear()

    def drop_tables(self, access: Access) -> None:
        self.tables = False

    def ids(self, access: Access, host: Host, table: str) -> Iterator[list[int] | list[str]]:
        yield list(self.rows) if table == "probe" else ["a-user's"]

    def write_route_error(self, access: Access, address: str) -> str | None:
        return None

    def read_route(self, access: Access) -> str:
        return "memory:1"


async def _leadership(access: Access, write: Write) -> None:
    write("leadership", holder="db1", epoch="view-7")
    await asyncio.Event().wait()


class Memory:
    """A group of databases that elect their leader themselves: no coordinator, an epoch that is a view id."""

    name = "memory"
    title = "a database in memory"
    database_role = "postgres"
    data_folder = "/var/lib/memory"
    coordinator_role: str | None = None
    tiers: tuple[tuple[str, str], ...] = (("proxy", "Proxy"), ("postgres", "Memory"))
    services: Mapping[str, tuple[str, ...]] = {"postgres": ("memoryd",)}
    packages: tuple[str, ...] = ("memoryd",)

    def __init__(self) -> None:
        self.dialect = MemoryDialect()
        self.observers: tuple[Observer, ...] = (Observer("leadership", 1000, _leadership, needed_for="every verdict"),)
        self.targets: Mapping[str, Callable[[Access], list[str]]] = {"group:majority": lambda access: ["db1", "db2"]}
        self.config: dict[str, Any] = {"expel_timeout": 0}

    def view(self, access: Access) -> View:
        def member(host: Host) -> Member:
            role = PRIMARY if host.name == self.dialect.primary else REPLICA
            return Member(host.name, role, "ONLINE", "view-7", sync=role == REPLICA)

        return View(tuple(member(host) for host in access.inventory.role("postgres")))

    def missing(self, access: Access, view: View) -> str | None:
        return None if view.leader else "no primary in the majority"

    def coordinator_error(self, access: Access) -> str | None:
        return None

    def coordinators(self, access: Access) -> tuple[str, ...]:
        return ()

    def has_quorum(self, access: Access) -> bool:
        return True

    def serves(self, access: Access, host: Host, *, decides: bool) -> dict[str, str | None]:
        return {"memoryd": None}

    def roles(self, access: Access) -> Roles:
        return Roles(None, ("lb1",))

    def endpoints(self, access: Access) -> Mapping[str, Sequence[str]]:
        return {}

    def settings(self, access: Access) -> dict[str, Any]:
        return self.config

    def checks(self, access: Access) -> list[Check]:
        return []

    def configuration(self, access: Access) -> dict[str, Any]:
        return self.config

    def configure(self, access: Access, patch: Mapping[str, Any]) -> None:
        self.config |= patch

    def until_configured(self, access: Access) -> float:
        return 0.0

    def switchover(self, access: Access, within_s: float, to: str | None = None) -> Handover:
        old, self.dialect.primary = self.dialect.primary, to or "db2"
        return Handover(old, self.dialect.primary, "done")

    def reinitialize(self, access: Access, name: str) -> str:
        return f"clone of {name} has begun"

    def write_log(self, access: Access, mib: int) -> str:
        return f"wrote {mib} MiB"

    def until_caught_up(self, access: Access, name: str, within_s: float) -> float | None:
        return 0.5

    def how_it_came_back(self, access: Access, name: str, since_s: float) -> str:
        return "its binary log"

    def recover(self, access: Access) -> list[str]:
        return ["db2: replication started"]

    def unit(self, process: str, host: Host) -> str:
        return f"{process}.service"

    def main_process(self, process: str, host: Host) -> str:
        return f"pidof {process}"

    def all_processes(self, process: str, host: Host) -> str:
        return f"pidof {process}"

    def log_files(self, host: Host) -> list[str]:
        return []

    def predict(
        self,
        profile: Mapping[str, Any],
        faults: Sequence[Injection],
        coordinators: Collection[str],
        leader_before: str | None,
        coordinator_leader: str | None,
    ) -> Prediction | None:
        return None
