"""Partitions that tempt a cluster into two primaries."""

from firedrill.experiments.drills.common import SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.network.partition import Partition

_FAILOVER = (
    Expect("writes return within ttl + 6 s", "rto_ms", "<=", Bound(ttl=1, seconds=6)),
    Expect("one failover, and none back", "leader_changes", "==", 1),
    Expect("the old leader rejoins within 40 s of healing", "rejoin_ms", "<=", Bound(seconds=40)),
    *SAFE,
)


def _steps(shape: str):
    return until_back(Inject(Partition(shape), "leader", limit_s=90), jitter="loop_wait", then_s=4)


ISOLATED = Experiment(
    name="split_brain_leader_isolated",
    title="The leader is cut off from everyone",
    question="Does an isolated leader stop before another one starts?",
    hypothesis=(
        "Its commits wait for standbys that do not hear it. It demotes itself after retry_timeout and a loop_wait, "
        "long before its lease expires and a standby is promoted; healed, it rejoins as a replica."
    ),
    steps=_steps("isolate"),
    expectations=_FAILOVER,
    cost_s=60,
    needs=Needs(postgres=3, etcd=3),
)

FOLLOW = Experiment(
    name="split_brain_clients_follow",
    title="The leader is cut off from etcd and its peers, and clients still reach it",
    question="Is anything acknowledged by a leader that has its clients and no cluster?",
    hypothesis=(
        "Nothing: the clients' commits wait for synchronous standbys until the leader demotes itself; then a standby "
        "is promoted, and the proxies lead clients there."
    ),
    steps=_steps("clients_only"),
    expectations=_FAILOVER,
    cost_s=60,
    needs=Needs(postgres=3, etcd=3),
)

ALL_WAYS = Experiment(
    name="split_brain_all_ways",
    title="Every database node is cut off from etcd and from its peers",
    question="Does any node believe itself primary when all are alone with their clients?",
    hypothesis=(
        "None does: without etcd nobody leads and nobody is promoted. Clients wait until the network is back, and then "
        "one node leads within seconds; nothing is lost."
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
        Expect("hardly a write is acknowledged meanwhile", "during.write_ratio", "<=", 0.1),
        Expect("writes are back within 15 s of healing", "back_after_heal_ms", "<=", Bound(seconds=15)),
        *SAFE,
    ),
    cost_s=65,
    needs=Needs(postgres=3, etcd=3),
)

EXPERIMENTS = (ISOLATED, FOLLOW, ALL_WAYS)
