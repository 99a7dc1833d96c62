"""Partitions that could lead to two primaries."""

from firedrill.experiments.drills.common import FAILOVER, OF_A_LEADER, SAFE, TTL_AND_ELECTION, may, until_back
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.network.partition import Partition

_FAILOVER = (
    Expect("writes return within ttl + 6 s", "rto_ms", "<=", Bound(ttl=1, seconds=6), TTL_AND_ELECTION),
    Expect("one failover, and none back", "leader_changes", "==", 1),
    Expect("the old leader rejoins within 40 s of healing", "rejoin_ms", "<=", Bound(seconds=40)),
    *SAFE,
)


def _steps(shape: str):
    return until_back(Inject(Partition(shape), "leader", limit_s=90), jitter="loop_wait", then_s=4)


ISOLATED = Experiment(
    name="split_brain_leader_isolated",
    title="The leader is cut off from all other hosts",
    question="Does an isolated leader stop before another node takes over?",
    hypothesis=(
        "Its commits wait for standbys that it cannot reach. It demotes itself after retry_timeout and a loop_wait, "
        "well before its lease expires and a standby is promoted; after healing it rejoins as a replica."
    ),
    steps=_steps("isolate"),
    expectations=_FAILOVER,
    alerts=(FAILOVER, *may("HostDown", "TcpRetransmits"), *OF_A_LEADER),
    cost_s=60,
    needs=Needs(databases=3, coordinators=3),
)

FOLLOW = Experiment(
    name="split_brain_clients_follow",
    title="The leader is cut off from etcd and its peers, and clients still reach it",
    question="Does a leader acknowledge writes while clients reach it and its peers do not?",
    hypothesis=(
        "No: the clients' commits wait for sync standbys until the leader demotes itself; then a standby is promoted, "
        "and the proxies reroute the clients."
    ),
    steps=_steps("clients_only"),
    expectations=_FAILOVER,
    alerts=(FAILOVER, *may("HostDown", "TcpRetransmits"), *OF_A_LEADER),
    cost_s=60,
    needs=Needs(databases=3, coordinators=3),
)

ALL_WAYS = Experiment(
    name="split_brain_all_ways",
    title="Every database node is cut off from etcd and from its peers",
    question="Does any node act as primary when each can reach only its clients?",
    hypothesis=(
        "None does: without etcd no node leads and none is promoted. Clients wait until the network is back, and then "
        "one node leads within seconds; no write is lost."
    ),
    steps=(
        Wait(8),
        Inject(Partition("clients_only"), "group:postgres", max_hosts=9),
        Wait(26),
        Heal(),
        UntilSteady(within_s=90),
        Wait(3),
    ),
    expectations=(
        Expect("almost no write is acknowledged meanwhile", "during.write_ratio", "<=", 0.1),
        Expect("writes are back within 15 s of healing", "back_after_heal_ms", "<=", Bound(seconds=15)),
        *SAFE,
    ),
    alerts=(*may("FailoverHappened", "HostDown", "TcpRetransmits"), *OF_A_LEADER),
    cost_s=65,
    needs=Needs(databases=3, coordinators=3),
)

EXPERIMENTS = (ISOLATED, FOLLOW, ALL_WAYS)
