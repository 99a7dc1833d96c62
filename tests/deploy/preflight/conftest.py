"""Hosts of a healthy cluster before its first deploy, and what was seen of them; tests change a part."""

import copy

import pytest

from firedrill.deploy.preflight.seen import Seen
from firedrill.inventories.read import Host, defaults

FRESH = {
    "now": 1000.0,
    "user": 0,
    "reported": {"system": "debian 13", "codename": "trixie"},
    "systemd": True,
    "watchdog": [],
    "disks": {path: {"free": 8 << 30, "read_only": False} for path in ("/", "/etc", "/usr")},
    "ours": {},
    "ports": [],
    "packages": {"missing": [], "unavailable": [], "lists": True, "sources": True},
    "max_sessions": 10,
}
ROLES = {
    **{f"etcd{number}": ("etcd",) for number in (1, 2, 3)},
    **{f"db{number}": ("postgres",) for number in (1, 2, 3)},
    **{f"lb{number}": ("proxy",) for number in (1, 2)},
    "app1": ("app",),
    "db4": ("mysqld",),
}


@pytest.fixture
def hosts():
    known = defaults() | {"vip": "192.0.2.100"}
    return [
        Host(name, f"192.0.2.{number}", roles, copy.deepcopy(known))
        for number, (name, roles) in enumerate(ROLES.items(), start=11)
    ]


@pytest.fixture
def seen(hosts):
    """{name: Seen}, as on fresh hosts."""
    found = {}
    for host in hosts:
        answer = copy.deepcopy(FRESH) | {"hostname": host.name, "machine_id": f"id of {host.name}"}
        if "etcd" in host.roles:
            answer["etcd"] = {"exists": False, "packaged_unused": True, "tls": False, "fsync_ms": [1.0] * 100}
            answer["disks"]["/var/lib/etcd"] = {"free": 8 << 30, "read_only": False}
        if "postgres" in host.roles:
            answer["postgres"] = {"exists": False, "system": None, "version": "17", "main": False}
            answer["disks"]["/var/lib/postgresql"] = {"free": 8 << 30, "read_only": False}
        if "mysqld" in host.roles:
            answer["mysqld"] = {"exists": False, "packaged": False, "uuid": None}
            answer["disks"]["/var/lib/mysql"] = {"free": 8 << 30, "read_only": False}
        if "proxy" in host.roles:
            answer["address"] = {"interface": "eth0", "network": f"{host.address}/24", "holds": False, "answers": None}
            answer["nftables"] = True
        found[host.name] = Seen(host, answer, before=999.9, after=1000.1)
    return found
