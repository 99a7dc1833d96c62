"""The leader's host is paused, as by a hypervisor, and resumed after another leader was elected."""

from firedrill.experiments.drills.common import FAILOVER, FENCED, HOST_DOWN, OF_A_LEADER, SAFE, TTL_AND_ELECTION
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.power.pause import Pause

EXPERIMENT = Experiment(
    name="host_frozen_then_resumed",
    title="The leader's host freezes, and resumes when another node leads",
    question="Does an old leader that resumes accept writes as if no time had passed?",
    hypothesis=(
        "Its lease expires and a standby leads within ttl + 4 s. The old leader resumes with PostgreSQL open for "
        "writes, but no sync standby follows it any more: it acknowledges none, and Patroni demotes it immediately."
    ),
    steps=(
        Wait(8, jitter="loop_wait"),
        Inject(Pause(), "leader", limit_s=90),
        UntilWrites(within_s=60),
        Wait(4),
        Heal(),
        Wait(4),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4), TTL_AND_ELECTION, FENCED),
        Expect("one failover, and none back", "leader_changes", "==", 1),
        Expect("the old leader rejoins within 40 s of resuming", "rejoin_ms", "<=", Bound(seconds=40)),
        *SAFE,
    ),
    alerts=(HOST_DOWN, FAILOVER, *OF_A_LEADER),
    cost_s=60,
    needs=Needs(power=("pause", "resume")),
)
