"""Planned work: a switchover under load."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE
from firedrill.experiments.model import Bound, Expect, ExpectAlert, Experiment
from firedrill.experiments.steps import Switchover, UntilSteady, Wait

EXPERIMENT = Experiment(
    name="switchover",
    title="A planned switchover",
    question="What do users notice of a planned switchover?",
    hypothesis=(
        "The old primary shuts down cleanly and ships its last WAL; a standby leads within 5 s. Reads go on, and no "
        "acknowledged write is lost."
    ),
    steps=(Wait(8), Switchover(), Wait(8), UntilSteady(within_s=60), Wait(2)),
    expectations=(
        Expect("writes return within 5 s", "rto_ms", "<=", Bound(seconds=5)),
        Expect("another node leads", "leader_after", "!=", "leader_before"),
        Expect("reads go on", "read_outage_ms", "<=", Bound(seconds=2)),
        *SAFE,
    ),
    alerts=(ExpectAlert("FailoverHappened", within_s=30, hold=False), *OF_A_LEADER),
    cost_s=40,
)
