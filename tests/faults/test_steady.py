"""A cluster that is not whole is not broken further, unless that is asked for."""

from dataclasses import replace

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest, settings
from firedrill.cluster.system import PRIMARY, REPLICA, STARTING, Member, View
from firedrill.faults import ledger, steady
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

LEADER = Member("db1", PRIMARY, "running", 3)
STANDBYS = (Member("db2", REPLICA, "streaming", 3, 0, sync=True), Member("db3", REPLICA, "streaming", 3, 0))
WHOLE = View((LEADER, *STANDBYS))
DOWN = {"state": "stopped", "role": STARTING, "healthy": False}


@pytest.fixture
def ways(monkeypatch) -> Access:
    """The lab's inventory, with no host asked for anything."""
    monkeypatch.setattr(ssh, "answers", lambda host, seconds=0: False)
    monkeypatch.setattr(settings, "in_effect", lambda access: {"synchronous_mode": "quorum"})
    monkeypatch.setattr(ledger, "read", lambda inventory: ([], []))
    return Access(read(), Secrets())


def seen(monkeypatch, view: View) -> None:
    monkeypatch.setattr(rest, "view", lambda access: view)


def test_a_whole_cluster_may_be_broken(ways, monkeypatch):
    seen(monkeypatch, WHOLE)
    steady.refuse_unsteady(ways)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ((), "no running leader"),
        ((replace(LEADER, state="stopped", healthy=False), *STANDBYS), "no running leader"),
        ((LEADER, STANDBYS[0]), "db3 is not a member of the cluster"),
        ((LEADER, STANDBYS[0], replace(STANDBYS[1], **DOWN)), "db3 is stopped, wanted streaming"),
        (
            (LEADER, STANDBYS[0], replace(STANDBYS[1], state="running", healthy=False)),
            "db3 is running, wanted streaming",
        ),
        ((LEADER, STANDBYS[0], replace(STANDBYS[1], epoch=2)), "db3 is on timeline 2, the leader db1 on 3"),
        ((LEADER, replace(STANDBYS[0], sync=False), STANDBYS[1]), "no synchronous standby"),
    ],
)
def test_what_is_missing_is_said(ways, monkeypatch, members, said):
    seen(monkeypatch, View(tuple(members), None))
    with pytest.raises(Refused, match=f"the cluster is not in its steady state .{said}.*--unsteady"):
        steady.refuse_unsteady(ways)


def test_what_is_active_already_is_named(ways, monkeypatch):
    seen(monkeypatch, View((), "db1: refused"))
    held = Entry("0badcafe", "power_cut", {}, "leader", "db1", "", 0, 0, {})
    monkeypatch.setattr(ledger, "read", lambda inventory: ([held], []))
    with pytest.raises(Refused, match=r"active already: power_cut 0badcafe on db1: `faults heal --all`"):
        steady.refuse_unsteady(ways)


def test_an_inventory_without_a_database_has_no_such_state(ways, monkeypatch):
    hosts = tuple(host for host in ways.inventory.hosts if "postgres" not in host.roles)
    seen(monkeypatch, View((), "nobody answers"))
    steady.refuse_unsteady(replace(ways, inventory=replace(ways.inventory, hosts=hosts)))
