"""Targets that name several hosts, or one of a group; no cluster is asked."""

import pytest

from firedrill.cluster import front
from firedrill.experiments.run.needs import without_vip
from firedrill.faults import targets
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT


@pytest.fixture(scope="module")
def ways() -> Access:
    return Access(read(ROOT / "inventories/lab.py"), Secrets())


def names(spec, ways):
    return [host.name for host in targets.resolve(spec, ways)]


def test_one_of_a_group(ways):
    assert names("group:app", ways) == ["app1", "app2"]
    assert names("group:app:2", ways) == ["app2"]


@pytest.mark.parametrize("spec", ["group:app:3", "group:app:0", "group:app:x", "group:nobody:1", "db1,db9"])
def test_nobody_and_nonsense_are_refused(ways, spec):
    with pytest.raises(Problem):
        names(spec, ways)


def test_several_are_named_once_each(ways, monkeypatch):
    monkeypatch.setitem(targets.RESOLVERS, "leader", lambda access: ["db2"])
    assert names("leader, etcd1,db2", ways) == ["db2", "etcd1"]


def test_without_a_floating_address_its_holder_is_the_proxy_that_clients_use(ways, monkeypatch):
    monkeypatch.setattr(front, "_holds", lambda host, address: host.name == "lb2" and address == "10.77.0.100")
    assert names("vip_holder", ways) == ["lb2"]
    assert names("vip_holder", without_vip(ways)) == ["lb1"]
