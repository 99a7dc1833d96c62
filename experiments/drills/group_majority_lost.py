"""Two of three members of a MySQL group are lost simultaneously: what is left has no majority."""

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, Recover, UntilSteady, UntilWrites, Wait
from firedrill.faults.power.power_cut import PowerCut

EXPERIMENT = Experiment(
    name="group_majority_lost",
    title="Both secondaries lose power, and an operator forces the membership",
    question="What does a primary without a majority do, and how do writes return?",
    hypothesis=(
        "Its commits block without end: none is acknowledged, none is refused. Nothing but an operator gets them back, "
        "who forces the membership to the primary alone (group_replication_force_members). Blocked writes then are "
        "committed, although their clients gave up: ghosts. The other two rejoin without help once they have power."
    ),
    settings={"unreachable_majority_timeout": 0},
    steps=(
        Wait(8),
        Inject(PowerCut(), "initial_replica:1,initial_replica:2", limit_s=240, allow_quorum_loss=True),
        Wait(20),
        Recover(),
        UntilWrites(within_s=90),
        Wait(6),
        Heal(),
        UntilSteady(within_s=120),
        Wait(2),
    ),
    expectations=(
        Expect("writes stop until the operator acts", "rto_ms", ">=", Bound(seconds=15)),
        Expect("writes stop within 2 s", "down_after_ms", "<=", Bound(seconds=2)),
        Expect("writes are back within a minute of the operator's action", "rto_ms", "<=", Bound(seconds=80)),
        STAYS,
        *SAFE,
    ),
    cost_s=110,
    needs=Needs(databases=3, power=("power_on", "power_off")),
    only_on={"group_replication": "it is about a group that has lost its majority"},
)
