"""What a Patroni cluster lacks for the steady state: members, modes, tags, sync standbys, candidates."""

from dataclasses import replace

import pytest

from firedrill import package
from firedrill.cluster.patroni import settings, steady
from firedrill.cluster.system import PRIMARY, REPLICA, Member, View
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

LEADER = Member("db1", PRIMARY, "running", 3)
SYNC = Member("db2", REPLICA, "streaming", 3, 0, sync=True)
OTHER = Member("db3", REPLICA, "streaming", 3, 0)
MIB = 1 << 20


@pytest.fixture(scope="module")
def access() -> Access:
    return Access(read(package.file("inventories/lab.py")), Secrets())


@pytest.fixture
def missing(access, monkeypatch):
    """What is missing of these members, with these settings."""

    def ask(*members, modes=(), **given):
        now = {"synchronous_mode": "on", "maximum_lag_on_failover": MIB} | given
        monkeypatch.setattr(settings, "in_effect", lambda _: now)
        return steady.missing(access, View(members, modes=modes))

    return ask


def test_nothing(missing):
    assert missing(LEADER, SYNC, OTHER) is None


@pytest.mark.parametrize("mode", ["paused (maintenance mode)", "a standby cluster"])
def test_a_mode_in_which_it_fails_over(missing, mode):
    assert missing(LEADER, SYNC, OTHER, modes=(mode,)) == f"the cluster is {mode}"


def test_as_many_sync_standbys_as_it_asks_for(missing):
    assert missing(LEADER, OTHER, replace(SYNC, sync=False)) == "no synchronous standby"
    assert missing(LEADER, SYNC, OTHER, synchronous_node_count=2) == "1 synchronous standbys, wanted 2"
    assert missing(LEADER, SYNC, replace(OTHER, sync=True), synchronous_node_count=2) is None
    assert missing(LEADER, OTHER, replace(SYNC, sync=False), synchronous_mode="off") is None


def test_a_replica_that_may_take_over(missing):
    behind = {"lag": 3 * MIB}
    assert missing(LEADER, replace(SYNC, **behind), OTHER) is None
    found = missing(LEADER, replace(SYNC, **behind), replace(OTHER, **behind))
    assert found.startswith("no replica may take over: maximum_lag_on_failover is 1048576 bytes, and they lag (db2 by")
    barred = replace(OTHER, can_lead=False, tags=("nofailover",))
    assert missing(LEADER, replace(SYNC, **behind), barred).startswith("no replica may take over")
    assert missing(LEADER, SYNC, replace(barred, **behind)) is None


def test_a_leader_that_the_inventory_lists(missing):
    view = (replace(LEADER, name="pg-x"), replace(SYNC, name="db1"), SYNC, OTHER)
    assert missing(*view) == "the leader pg-x is not in the inventory"


def test_a_member_that_never_streams_need_not(missing):
    archive = replace(OTHER, state="in archive recovery", healthy=False, tags=("nostream",), epoch=None)
    assert missing(LEADER, SYNC, archive) is None
    assert missing(LEADER, SYNC, replace(archive, state="stopped")) == "db3 is stopped, wanted an active replica"
    assert missing(LEADER, SYNC, replace(archive, tags=())) == "db3 is in archive recovery, wanted streaming"
