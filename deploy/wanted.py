"""What a host is asked before a deploy: the ports, folders, packages and addresses that its roles need."""

from collections.abc import Collection, Mapping, Sequence
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
    "monitor": ("prometheus", "alertmanager", "alertmanager_cluster", "blackbox_exporter"),
}
# In addition where the cluster is monitored.
EXPORTERS: dict[str, tuple[str, ...]] = {
    "proxy": ("haproxy_metrics",),
    "postgres": ("postgres_exporter",),
    "app": ("nginx_exporter",),
}
OF_ALL, EXPORTER = "node_exporter", "exporter"
SERVICES = {
    "etcd": ("etcd",),
    "postgres": ("patroni",),
    "mysqld": ("mysql",),
    "proxy": ("haproxy",),
    "app": ("nginx", "weather"),
    "monitor": ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"),
    EXPORTER: ("haproxy", "prometheus-node-exporter", "prometheus-postgres-exporter", "prometheus-nginx-exporter"),
}


def packages(host: Host, postgres: int | str, *, monitored: bool = False, without: Collection[str] = ()) -> list[str]:
    """The Debian packages of a host's roles and of its system, for that major version of PostgreSQL.

    `without`: those that its release cannot use.
    """
    wanted: Mapping[str, Sequence[str]] = host.data["packages"]
    roles = ("all", *(role for role in host.roles if role != "monitor" or host.data["monitored"]))
    names = [name for role in roles for name in wanted[role]]
    names += [name for role in roles for name in host.data["exporter_packages"].get(role, ())] if monitored else []
    if fences(host):
        names.append("nftables")
    names += systems.of(host.data).app_packages if "app" in host.roles else ()
    return sorted({name.format(postgres_version=postgres) for name in names} - set(without))


def fences(host: Host) -> bool:
    """Whether the host gets an agent that refuses an old leader, with nftables."""
    return fencing.enabled([host]) and fencing.enforces(host)


def folder(host: Host, role: str, postgres: int | str) -> str:
    """The data directory of a role on a host."""
    cluster = host.data["cluster"]
    return f"{POSTGRES}/{postgres}/{cluster}" if role == "postgres" else f"{FOLDERS[role]}/{cluster}"


def listeners(host: Host, *, monitored: bool = False) -> dict[str, str]:
    """{name in `ports`: role} of what the services of this host will listen on."""
    roles = [role for role in host.roles if role != "monitor" or host.data["monitored"]]
    found = {name: role for role in roles for name in PORTS.get(role, ())}
    if monitored:
        names = [OF_ALL, *(name for role in roles for name in EXPORTERS.get(role, ()))]
        found |= dict.fromkeys(names, EXPORTER)
    return found | ({"https" if host.data["tls"] else "http": "proxy"} if "proxy" in host.roles else {})


def ports(host: Host, *, monitored: bool = False) -> dict[int, str]:
    """{port: role} of the same."""
    numbers: Mapping[str, int] = host.data["ports"]
    return {numbers[name]: role for name, role in listeners(host, monitored=monitored).items()}


def of(host: Host, *, monitored: bool = False) -> dict[str, Any]:
    """What deploy/on_host/survey.py is given."""
    data = host.data
    wanted: dict[str, Any] = {
        "ports": sorted(ports(host, monitored=monitored)),
        "folders": ["/", "/etc", "/usr", *(FOLDERS[role] for role in host.roles if role in FOLDERS)],
        # Which version of PostgreSQL it is depends on the release, which the host knows.
        "packages": packages(host, VERSION, monitored=monitored),
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
