"""A sync standby loses power: the primary's commits wait for it, or for another."""

from firedrill.experiments.drills.common import HOST_DOWN, OF_A_NODE, SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.power.power_cut import PowerCut

EXPERIMENT = Experiment(
    name="standby_power_cut",
    title="A sync standby loses power",
    question="How long do commits wait when a sync standby dies without warning?",
    hypothesis=(
        "With quorum commit another standby confirms in its place, and users notice nothing. With a single sync "
        "standby, commits wait until the primary drops it (wal_sender_timeout, 5 s) and Patroni appoints another."
    ),
    steps=until_back(Inject(PowerCut(), "sync_standby"), then_s=10),
    expectations=(
        Expect("commits wait for 5 s and a loop_wait at most", "rto_ms", "<=", Bound(loop_wait=1, seconds=6)),
        Expect("the leader stays", "leader_after", "==", "leader_before"),
        Expect("users see no error", "user_errors", "==", 0),
        *SAFE,
    ),
    alerts=(HOST_DOWN, *OF_A_NODE),
    cost_s=40,
)
