"""MySQL group replication as a System: one value that delegates to the modules of this package."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from firedrill.cluster import front
from firedrill.cluster.dialect import Dialect
from firedrill.cluster.group_replication import (
    checks,
    leadership,
    members,
    operations,
    processes,
    recovery,
    reports,
    serving,
    settings,
    timing,
    view,
)
from firedrill.cluster.group_replication.dialect import MySQLDialect
from firedrill.cluster.observer import Observer
from firedrill.cluster.system import Check, Handover, Injection, Prediction, Roles, View
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host


def _majority(access: Access) -> list[str]:
    """A majority of the members, with the primary first: losing it is the harder half of losing the quorum."""
    leader = view.view(access).leader
    found = [host.name for host in access.inventory.databases]
    found.sort(key=lambda name: leader is None or name != leader.name)
    return found[: len(found) // 2 + 1]


class GroupReplication:
    """MySQL servers that elect their primary themselves; see cluster/system.py for what each answer means."""

    name = "group_replication"
    title = "MySQL group replication"
    database_role = "mysqld"
    data_folder = "/var/lib/mysql"
    coordinator_role: str | None = None
    tiers: tuple[tuple[str, str], ...] = (
        ("proxy", "HAProxy"),
        ("mysqld", "MySQL"),
        ("app", "Application"),
        ("monitor", "Monitor"),
    )
    dialect: Dialect = MySQLDialect()
    observers: tuple[Observer, ...] = (leadership.OBSERVER, members.OBSERVER)
    services: Mapping[str, tuple[str, ...]] = processes.SERVICES
    packages: tuple[str, ...] = processes.PACKAGES
    targets: Mapping[str, Callable[[Access], list[str]]] = {"mysqld:majority": _majority}

    def view(self, access: Access) -> View:
        return view.view(access)

    def missing(self, access: Access, view_: View) -> str | None:
        return view.missing(access, view_)

    def coordinator_error(self, access: Access) -> str | None:
        return None

    def coordinators(self, access: Access) -> tuple[str, ...]:
        return ()

    def has_quorum(self, access: Access) -> bool:
        return reports.believed(reports.once(access)) is not None

    def serves(self, access: Access, host: Host, *, decides: bool) -> dict[str, str | None]:
        return serving.serves(access, host, decides=decides)

    def roles(self, access: Access) -> Roles:
        return Roles(None, front.floating_address_holders(access))

    def endpoints(self, access: Access) -> Mapping[str, Sequence[str]]:
        known = reports.believed(reports.once(access))
        return {row.name: [row.host] for row in known.rows if row.host} if known else {}

    def settings(self, access: Access) -> dict[str, Any]:
        return settings.in_effect(access)

    def checks(self, access: Access) -> list[Check]:
        return checks.checks(access)

    def configuration(self, access: Access) -> dict[str, Any]:
        return settings.configuration(access)

    def configure(self, access: Access, patch: Mapping[str, Any]) -> None:
        settings.configure(access, patch)

    def until_configured(self, access: Access) -> float:
        return settings.until_applied(access)

    def switchover(self, access: Access, within_s: float, to: str | None = None) -> Handover:
        return operations.switchover(access, within_s, to)

    def reinitialize(self, access: Access, name: str) -> str:
        return operations.reinitialize(access, name)

    def write_log(self, access: Access, mib: int) -> str:
        return operations.write_log(access, mib)

    def until_caught_up(self, access: Access, name: str, within_s: float) -> float | None:
        return operations.until_caught_up(access, name, within_s)

    def how_it_came_back(self, access: Access, name: str, since_s: float) -> str:
        return operations.how_it_came_back(access, name, since_s)

    def recover(self, access: Access) -> list[str]:
        return recovery.recover(access)

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
