"""Patroni as a System: one value that delegates to the modules of this package."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from firedrill.cluster import fence_watch, front
from firedrill.cluster.dialect import Dialect
from firedrill.cluster.observer import Observer
from firedrill.cluster.patroni import (
    checks,
    coordinator,
    endpoints,
    etcd_timing,
    leadership,
    members,
    operations,
    processes,
    rest,
    serving,
    settings,
    steady,
    timing,
)
from firedrill.cluster.patroni.dialect import PostgresDialect
from firedrill.cluster.system import Check, Handover, Injection, Prediction, Roles, View
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host


def _etcd_leader(access: Access) -> list[str]:
    name = coordinator.leader(access)
    return [name] if name else []


class Patroni:
    """PostgreSQL, Patroni and etcd; see cluster/system.py for what each answer means."""

    name = "patroni"
    title = "PostgreSQL with Patroni"
    database_role = "postgres"
    data_folder = "/var/lib/postgresql"
    coordinator_role: str | None = "etcd"
    tiers: tuple[tuple[str, str], ...] = (
        ("proxy", "HAProxy"),
        ("postgres", "PostgreSQL"),
        ("etcd", "etcd"),
        ("app", "Application"),
        ("monitor", "Monitor"),
    )
    dialect: Dialect = PostgresDialect()
    observers: tuple[Observer, ...] = (leadership.OBSERVER, members.OBSERVER, fence_watch.OBSERVER)
    services: Mapping[str, tuple[str, ...]] = processes.SERVICES
    packages: tuple[str, ...] = processes.PACKAGES
    targets: Mapping[str, Callable[[Access], list[str]]] = {
        "etcd_leader": _etcd_leader,
        "etcd:majority": coordinator.majority,
    }

    def view(self, access: Access) -> View:
        return rest.view(access)

    def missing(self, access: Access, view: View) -> str | None:
        return steady.missing(access, view)

    def coordinator_error(self, access: Access) -> str | None:
        return coordinator.member_error(access)

    def coordinators(self, access: Access) -> tuple[str, ...]:
        return coordinator.members(access)

    def has_quorum(self, access: Access) -> bool:
        return coordinator.has_quorum(access)

    def serves(self, access: Access, host: Host, *, decides: bool) -> dict[str, str | None]:
        return serving.serves(access, host, decides=decides)

    def roles(self, access: Access) -> Roles:
        return Roles(coordinator.leader(access), front.floating_address_holders(access))

    def endpoints(self, access: Access) -> Mapping[str, Sequence[str]]:
        return endpoints.endpoints(access)

    def settings(self, access: Access) -> dict[str, Any]:
        return settings.in_effect(access) | etcd_timing.in_effect(access)

    def checks(self, access: Access) -> list[Check]:
        return checks.checks(access)

    def configuration(self, access: Access) -> dict[str, Any]:
        return rest.dynamic_configuration(access)

    def configure(self, access: Access, patch: Mapping[str, Any]) -> None:
        rest.change_configuration(access, patch)

    def until_configured(self, access: Access) -> float:
        return settings.until_applied(access)

    def switchover(self, access: Access, within_s: float, to: str | None = None) -> Handover:
        return operations.switchover(access, within_s, to)

    def reinitialize(self, access: Access, name: str) -> str:
        return operations.reinitialize(access, name)

    def write_log(self, access: Access, mib: int) -> str:
        return operations.write_wal(access, mib)

    def until_caught_up(self, access: Access, name: str, within_s: float) -> float | None:
        return operations.until_caught_up(access, name, within_s)

    def how_it_came_back(self, access: Access, name: str, since_s: float) -> str:
        return operations.how_it_came_back(access, name, since_s)

    def recover(self, access: Access) -> list[str]:
        return []  # etcd returns with its members, and Patroni rejoins its nodes by itself

    def unit(self, process: str, host: Host) -> str:
        return processes.unit(process, host)

    def main_process(self, process: str, host: Host) -> str:
        return processes.main_process(process, host)

    def all_processes(self, process: str, host: Host) -> str:
        return processes.all_processes(process, host)

    def log_files(self, host: Host) -> list[str]:
        return processes.log_files(host)

    def predict(
        self,
        profile: Mapping[str, Any],
        faults: Sequence[Injection],
        coordinators: Collection[str],
        leader_before: str | None,
        coordinator_leader: str | None,
    ) -> Prediction | None:
        return timing.predict(profile, faults, coordinators, leader_before, coordinator_leader)
