"""One leader after the other loses power, down to the last node; the leader and etcd's leader together."""

from dataclasses import replace

from firedrill.experiments.drills.common import (
    FAILOVER,
    FENCED,
    FENCED_LOAD,
    HOST_DOWN,
    OF_A_LEADER,
    OF_A_NODE,
    SAFE,
    STAYS,
    TTL_AND_ELECTION,
    may,
    until_back,
)
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.power.power_cut import PowerCut

_POWER = ("power_on", "power_off")
_LIMIT_S = 240  # the first one stays off until the last step
_MAJORITY = {"group_replication": "the last of three has no majority: see group_majority_lost"}
_CUT = Inject(PowerCut(), "leader", limit_s=_LIMIT_S)

TWICE = Experiment(
    name="leader_power_cut_twice",
    title="The leader loses power, and then the next one",
    question="Does the last of three nodes lead when the other two are down?",
    hypothesis=(
        "Each time a standby that has every acknowledged write leads within ttl + 4 s. On the last one, commits wait "
        "for one or two loop_wait more, until Patroni no longer counts the other two as standbys."
    ),
    steps=(
        Wait(8, jitter="loop_wait"),
        _CUT,
        UntilWrites(within_s=90),
        Wait(6),
        _CUT,
        UntilWrites(within_s=90),
        Wait(3),
        Heal(),
        UntilSteady(within_s=120),
        Wait(2),
    ),
    expectations=(
        Expect(
            "writes return within ttl + 2 loop_wait + 4 s",
            "rto_ms",
            "<=",
            Bound(ttl=1, loop_wait=2, seconds=4),
            Bound(ttl=1, loop_wait=2, election=3, seconds=3),
        ),
        Expect("two failovers", "leader_changes", "==", 2),
        *SAFE,
    ),
    alerts=(HOST_DOWN, replace(HOST_DOWN, fault=2), FAILOVER, *OF_A_LEADER),
    cost_s=95,
    needs=Needs(databases=3, power=_POWER),
    not_on=_MAJORITY,
)

LAST = Experiment(
    name="last_node_standing",
    title="Both standbys lose power, then the last node too",
    question="Does the last node go on alone, and what is lost when it fails too and all return?",
    hypothesis=(
        "Patroni removes the failed standbys from the sync list: the last node goes on alone. When it fails, no node "
        "leads until it is back, because only it has every write; nothing is lost."
    ),
    steps=(
        Wait(8),
        Inject(PowerCut(), "initial_replica:1,initial_replica:2", limit_s=_LIMIT_S),
        UntilWrites(within_s=60),
        Wait(8),
        _CUT,
        Wait(3),
        Heal(),
        UntilSteady(within_s=120),
        Wait(2),
    ),
    expectations=(
        Expect("writes are back within a minute of switching all on", "back_after_heal_ms", "<=", Bound(seconds=60)),
        *SAFE,
    ),
    alerts=(HOST_DOWN, *may("FailoverHappened"), *OF_A_LEADER),
    cost_s=75,
    needs=Needs(databases=3, power=_POWER),
    not_on=_MAJORITY,
)

LAST_STRICT = Experiment(
    name="last_node_strict",
    title="Both standbys lose power, in strict synchronous mode",
    question="Does strict mode refuse to acknowledge what only one node has?",
    hypothesis="Every commit waits until a standby is back; reads go on.",
    settings={"synchronous_mode_strict": True},
    steps=(
        Wait(8),
        Inject(PowerCut(), "initial_replica:1,initial_replica:2"),
        Wait(12),
        Heal(),
        UntilSteady(within_s=90),
        Wait(3),
    ),
    expectations=(
        Expect("almost no write is acknowledged meanwhile", "during.write_ratio", "<=", 0.1),
        Expect("writes are back within 40 s of switching them on", "back_after_heal_ms", "<=", Bound(seconds=40)),
        STAYS,
        *SAFE,
    ),
    alerts=(HOST_DOWN, *OF_A_NODE),
    cost_s=60,
    needs=Needs(databases=3, power=_POWER),
    not_on={"group_replication": "a group always waits for its majority: see group_majority_lost"},
)

WITH_ETCD = Experiment(
    name="leader_and_etcd_leader",
    title="The leader and etcd's leader lose power simultaneously",
    question="How much longer does a failover take when etcd has to elect first?",
    hypothesis=(
        "etcd's next leader renews every lease to its full ttl, so that it always takes ttl + 2.4 s until the leader "
        "key expires: writes return within ttl + 3 s and 3 election timeouts."
    ),
    steps=until_back(Inject(PowerCut(), "leader,etcd_leader"), jitter="loop_wait", writes_s=90),
    expectations=(
        Expect("writes return within ttl + 3 elections + 3 s", "rto_ms", "<=", TTL_AND_ELECTION, if_fenced=FENCED),
        Expect(
            "95 % of the load is back within ttl + 3 elections + 9 s",
            "phases.recover95_ms",
            "<=",
            Bound(ttl=1, election=3, seconds=9),
            if_fenced=FENCED_LOAD,
        ),
        *SAFE,
    ),
    alerts=(HOST_DOWN, replace(FAILOVER, within_s=Bound(35, ttl=1, election=3)), *OF_A_LEADER),
    cost_s=65,
    needs=Needs(coordinators=3, power=_POWER),
)

EXPERIMENTS = (TWICE, LAST, LAST_STRICT, WITH_ETCD)
