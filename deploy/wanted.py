"""What a host is asked before a deploy: the ports, folders, packages and addresses that its roles need."""

from collections.abc import Mapping, Sequence
from typing import Any

from firedrill.deploy import systems
from firedrill.inventories import fencing, releases
from firedrill.inventories.read import Host

ETCD, POSTGRES, MYSQL = "/var/lib/etcd", "/var/lib/postgresql", "/var/lib/mysql"
FOLDERS = {"etcd": ETCD, "postgres": POSTGRES, "mysqld": MYSQL}
VERSION = "{version}"  # filled in on the host
# The ports that each role listens on, and the services of ours that may hold them.
PORTS: dict[str, tuple[str, ...]] = {
    "etcd": ("etcd", "etcd_peer"),
    "postgres": ("postgres", "patroni"),
    "mysqld": ("mysql", "mysql_group"),
    "proxy": ("write", "read", "haproxy_stats"),
    "app": ("weather",),
}
SERVICES = {
    "etcd": ("etcd",),
    "postgres": ("patroni",),
    "mysqld": ("mysql",),
    "proxy": ("haproxy",),
    "app": ("nginx", "weather"),
}


def packages(host: Host, postgres: int | str) -> list[str]:
    """The Debian packages of a host's roles and of its system, for that major version of PostgreSQL."""
    wanted: Mapping[str, Sequence[str]] = host.data["packages"]
    names = [name for role in ("all", *host.roles) for name in wanted[role]]
    if fences(host):
        names.append("nftables")
    names += systems.of(host.data).app_packages if "app" in host.roles else ()
    return sorted({name.format(postgres_version=postgres) for name in names})


def fences(host: Host) -> bool:
    """Whether the host gets an agent that refuses an old leader, with nftables."""
    return fencing.enabled([host]) and fencing.enforces(host)


def folder(host: Host, role: str, postgres: int | str) -> str:
    """The data directory of a role on a host."""
    cluster = host.data["cluster"]
    return f"{POSTGRES}/{postgres}/{cluster}" if role == "postgres" else f"{FOLDERS[role]}/{cluster}"


def ports(host: Host) -> dict[int, str]:
    """{port: role} of what the services of this host will listen on."""
    numbers: Mapping[str, int] = host.data["ports"]
    found = {numbers[name]: role for role in host.roles for name in PORTS.get(role, ())}
    return found | ({numbers["https" if host.data["tls"] else "http"]: "proxy"} if "proxy" in host.roles else {})


def of(host: Host) -> dict[str, Any]:
    """What deploy/on_host/survey.py is given."""
    data = host.data
    wanted: dict[str, Any] = {
        "ports": sorted(ports(host)),
        "folders": ["/", "/etc", "/usr", *(FOLDERS[role] for role in host.roles if role in FOLDERS)],
        # Which version of PostgreSQL it is depends on the release, which the host knows.
        "packages": packages(host, VERSION),
        "versions": {name: releases.postgres_version(data, one) for name, one in releases.RELEASES.items()},
    }
    if "etcd" in host.roles:
        wanted |= {"etcd": folder(host, "etcd", VERSION), "etcd_folder": ETCD}
    if "mysqld" in host.roles:
        wanted["mysqld"] = folder(host, "mysqld", VERSION)
    if "postgres" in host.roles:
        wanted["postgres"] = folder(host, "postgres", VERSION)
        if data["watchdog"]["mode"] == "required":
            wanted["watchdog"] = data["watchdog"]["device"]
    if "proxy" in host.roles and data.get("vip"):
        wanted |= {"address": host.address, "floating": data["vip"]}
    if fences(host):
        wanted["refuses"] = True
    return wanted
