"""The leader loses power while clients write."""

from firedrill.experiments.drills.common import (
    FAILOVER,
    FENCED,
    FENCED_LOAD,
    HOST_DOWN,
    OF_A_LEADER,
    SAFE,
    TTL_AND_ELECTION,
)
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.power.power_cut import PowerCut

EXPERIMENT = Experiment(
    name="leader_power_cut",
    title="The leader loses power",
    question="How long is the write outage when the primary dies without warning, and is an acknowledged write lost?",
    hypothesis=(
        "The leader key expires within ttl; a sync standby is promoted and accepts writes within ttl + 4 s of the "
        "power cut (ttl + 3 s and 3 election timeouts if the host also led etcd). No acknowledged write is lost, two "
        "primaries never coexist, and the old leader rejoins as a replica without help."
    ),
    steps=(
        Wait(8, jitter="loop_wait"),
        Inject(PowerCut(), "leader"),
        UntilWrites(within_s=90),
        Wait(6),
        Heal(),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4), TTL_AND_ELECTION, FENCED),
        Expect(
            "95 % of the load is back within ttl + 10 s",
            "phases.recover95_ms",
            "<=",
            Bound(ttl=1, seconds=10),
            Bound(ttl=1, election=3, seconds=9),
            FENCED_LOAD,
        ),
        *SAFE,
    ),
    alerts=(HOST_DOWN, FAILOVER, *OF_A_LEADER),
    cost_s=60,
)
