"""Experiments and faults that rest on a failover are refused where the cluster would not fail over."""

import pytest

from firedrill.cluster.system import PRIMARY, REPLICA, Member, View
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.run import failover
from firedrill.faults import steady
from firedrill.faults.protocol import Refused
from firedrill.inventories.read import Host

LEADER = Member("db1", PRIMARY, "running")
BARRED = Member("db2", REPLICA, "streaming", can_lead=False, tags=("nofailover",))
WELL = View((LEADER, Member("db2", REPLICA, "streaming")))
NOBODY = View((LEADER, BARRED))


@pytest.mark.parametrize("mode", ["paused (maintenance mode)", "a standby cluster"])
def test_every_experiment_is_refused_in_a_mode_without_failover(mode):
    view = View(WELL.members, modes=(mode,))
    assert {bool(failover.reasons(it, view)) for it in EXPERIMENTS.values()} == {True}
    assert f"the cluster is {mode}" in failover.reasons(EXPERIMENTS["etcd_one_down"], view)[0]


@pytest.mark.parametrize("name", ["leader_power_cut", "switchover", "postgres_killed"])
def test_where_no_replica_may_lead_those_that_hit_the_leader(name):
    assert failover.reasons(EXPERIMENTS[name], WELL) == []
    (reason,) = failover.reasons(EXPERIMENTS[name], NOBODY)
    assert "no replica may lead (db2 nofailover)" in reason


def test_but_not_the_others():
    assert failover.reasons(EXPERIMENTS["standby_power_cut"], NOBODY) == []


def test_a_single_database_has_nobody_to_fail_over_to():
    assert View((LEADER,)).no_failover is None


def test_a_fault_on_the_leader_is_refused():
    hosts = {name: Host(name, "192.0.2.1", ("postgres",), {}) for name in ("db1", "db2")}
    with pytest.raises(Refused, match="db1 leads, and no replica may lead .db2 nofailover.: no node would take over"):
        steady._refuse_without_failover(NOBODY, [hosts["db1"]])
    steady._refuse_without_failover(NOBODY, [hosts["db2"]])
    steady._refuse_without_failover(WELL, [hosts["db1"]])
