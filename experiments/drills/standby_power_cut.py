"""A synchronous standby's power is cut: the primary's commits wait for it, or for another."""

from firedrill.experiments.drills.common import SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.power.power_cut import PowerCut

EXPERIMENT = Experiment(
    name="standby_power_cut",
    title="A synchronous standby loses its power",
    question="How long do commits wait when a synchronous standby dies without a word?",
    hypothesis=(
        "With quorum commit another standby answers in its place, and nobody notices. With one synchronous standby "
        "by name commits wait until the primary has given it up (wal_sender_timeout, 5 s) and Patroni has named "
        "another."
    ),
    steps=until_back(Inject(PowerCut(), "sync_standby"), then_s=10),
    expectations=(
        Expect("commits wait for 5 s and a loop_wait at most", "rto_ms", "<=", Bound(loop_wait=1, seconds=6)),
        Expect("the leader stays", "leader_after", "==", "leader_before"),
        Expect("users see no error", "user_errors", "==", 0),
        *SAFE,
    ),
    cost_s=40,
)
