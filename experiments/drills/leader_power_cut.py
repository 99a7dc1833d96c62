"""The leader's power is cut in the middle of writes."""

from firedrill.experiments.drills.common import SAFE
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.power.power_cut import PowerCut

EXPERIMENT = Experiment(
    name="leader_power_cut",
    title="The leader loses its power",
    question="How long are writes down when the primary dies without a word, and is an acknowledged write lost?",
    hypothesis=(
        "The leader key expires after at most ttl; a synchronous standby is promoted and takes writes within ttl + 4 s "
        "of the cut (ttl + 6 s where the dead host led etcd too). No acknowledged write is lost, no two nodes ever "
        "take writes at once, and the old leader rejoins as a replica by itself."
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
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4)),
        Expect("95 % of the load is back within ttl + 10 s", "phases.recover95_ms", "<=", Bound(ttl=1, seconds=10)),
        *SAFE,
    ),
    cost_s=60,
)
