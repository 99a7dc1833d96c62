"""What a deploy does for each database system: one row each, which an inventory's `system` selects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from firedrill.cluster.group_replication import timing as group_timing
from firedrill.cluster.patroni import timing
from firedrill.cluster.system import Prediction
from firedrill.deploy import mysql, mysql_check, mysql_database, patroni, settings, topology
from firedrill.deploy.database import changed_passwords, database
from firedrill.deploy.etcd import etcd, refuse_foreign_users, superseded_users
from firedrill.inventories.errors import InventoryProblem

DEFAULT = "patroni"


def nothing() -> None:
    """Of a system without this part."""


@dataclass(frozen=True)
class Deployed:
    """The parts of a deploy, in their order; `server` and `check` tell who must answer behind a proxy, and how.

    `app` is the kind of database that the weather app is configured for, `app_packages` its driver.
    `passwords` changes them on a running system, before its clients have the new ones; `retire` removes the old ones at
    the end. `refuse_foreign` looks for dangerous settings of others, before any change. `predict` is its timing model,
    `timings` what that needs in addition to the profile.
    """

    role: str
    server: str
    check: str
    proxy_template: str
    app: str
    app_packages: tuple[str, ...]
    coordinator: Callable[[], None]
    passwords: Callable[[], None]
    databases: Callable[[], None]
    leader: Callable[[], None]
    schema: Callable[[], None]
    replicas: Callable[[], None]
    retire: Callable[[], None]
    refuse_foreign: Callable[[], None] = nothing
    proxy_values: Mapping[str, Any] = field(default_factory=dict)
    predict: Callable[..., Prediction | None] | None = None
    timings: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda data: {}


def refuse_foreign() -> None:
    """Of Patroni: settings that run commands, and users who could write them. Raises InventoryProblem."""
    settings.refuse_foreign()
    refuse_foreign_users()


SYSTEMS = {
    "patroni": Deployed(
        role="postgres",
        server="PostgreSQL",
        check="postgres",
        proxy_template="haproxy.cfg.j2",
        app="postgresql",
        app_packages=("python3-psycopg", "python3-psycopg-pool"),
        coordinator=etcd,
        passwords=changed_passwords,
        databases=patroni.patroni,
        leader=patroni.leader,
        schema=database,
        refuse_foreign=refuse_foreign,
        replicas=patroni.replicas,
        retire=superseded_users,
        predict=timing.predict,
    ),
    "group_replication": Deployed(
        role="mysqld",
        server="MySQL",
        check="mysql",
        proxy_template="haproxy-mysql.cfg.j2",
        app="mysql",
        app_packages=("python3-pymysql",),
        proxy_values=mysql_check.STEPS,
        coordinator=nothing,
        passwords=nothing,
        databases=mysql.mysql,
        leader=mysql.group,
        schema=mysql_database.database,
        replicas=mysql.members,
        retire=nothing,
        predict=group_timing.predict,
        timings=lambda data: data["group_replication"],
    ),
}


def current() -> Deployed:
    """The system that the inventory names. Raises InventoryProblem."""
    return of(topology.hosts()[0].data)


def of(data: Mapping[str, Any]) -> Deployed:
    """The system that a host's data names. Raises InventoryProblem."""
    name = data.get("system", DEFAULT)
    if name not in SYSTEMS:
        raise InventoryProblem(f"there is no deploy for the system {name!r}", f"there is one for {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
