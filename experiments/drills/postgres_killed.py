"""The primary's postmaster is killed; its host, its Patroni and everything else run on."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE, may, until_back
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.process.kill import Kill

EXPERIMENT = Experiment(
    name="postgres_killed",
    title="The primary's PostgreSQL is killed",
    question="Does Patroni restart a crashed primary or fail over, and how long does it take?",
    hypothesis=(
        "Patroni notices within loop_wait. If primary_start_timeout is 0 it fails over immediately; otherwise it "
        "restarts PostgreSQL on the same node. Writes return within loop_wait + 6 s, and no acknowledged write is lost."
    ),
    steps=until_back(Inject(Kill(process="postgres"), "leader"), jitter="loop_wait"),
    expectations=(
        Expect("writes return within loop_wait + 6 s", "rto_ms", "<=", Bound(loop_wait=1, seconds=6)),
        *SAFE,
    ),
    alerts=(*may("FailoverHappened"), *OF_A_LEADER),
    cost_s=35,
)
