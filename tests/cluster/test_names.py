"""One host, several names: mapped in one place."""

from dataclasses import replace

import pytest

from firedrill import package
from firedrill.cluster import names
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture(scope="module")
def access() -> Access:
    """The lab, with members such as `PG-ALPHA.prod` on hosts such as `db1`."""
    given = {"db1": "PG-ALPHA.prod", "db2": "PG-BETA.prod"}
    inventory = read(package.file("inventories/lab.py"))
    hosts = tuple(
        replace(host, data=host.data | {"patroni_name": given[host.name]}) if host.name in given else host
        for host in inventory.hosts
    )
    return Access(replace(inventory, hosts=hosts), Secrets())


@pytest.mark.parametrize(
    ("member", "host"),
    [
        ("PG-ALPHA.prod", "db1"),
        ("pg-alpha.PROD", "db1"),
        ("db3", "db3"),
        ("db1", "member db1"),  # not the host of that name
        ("PG-ALPHA", "PG-ALPHA"),
        ("PG-ALPHA.dr", "PG-ALPHA.dr"),
    ],
)
def test_members(access, member, host):
    assert names.host_of(access, member) == host


def test_a_host_and_its_member(access):
    assert [names.member_of(access, host) for host in ("db1", "db3")] == ["PG-ALPHA.prod", "db3"]


@pytest.mark.parametrize(
    ("server", "address", "host"),
    [
        ("whatever", "10.77.0.21:5432", "db1"),
        ("PG-ALPHA.prod", "", "db1"),
        ("DB3", "", "db3"),
        ("node9", "", "node9"),
        ("node9", "10.77.0.99:5432", "node9"),
        ("node9", "[2001:db8::1]:5432", "node9"),
    ],
)
def test_servers_of_a_proxy(access, server, address, host):
    assert names.server_of(access, server, address) == host


@pytest.mark.parametrize(
    ("name", "addresses", "host"),
    [
        ("x", ["10.77.0.12"], "etcd2"),
        ("x", ["ETCD3"], "etcd3"),
        ("Etcd1", [None, "192.0.2.1"], "etcd1"),
        ("e4", ["192.0.2.1"], "e4"),
    ],
)
def test_members_of_the_coordinator(access, name, addresses, host):
    assert names.coordinator_of(access, "etcd", name, addresses) == host
