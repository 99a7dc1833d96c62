"""The leader's Patroni is killed and restarted by systemd, while its PostgreSQL goes on."""

from firedrill.experiments.drills.common import SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.process.kill import Kill

EXPERIMENT = Experiment(
    name="patroni_killed",
    title="The leader's Patroni is killed",
    question="Does a crash of the agent cost an outage of the database that it looks after?",
    hypothesis=(
        "systemd restarts Patroni at once, it finds its PostgreSQL running and its leader key unexpired, and keeps "
        "both. HAProxy may miss it for as long as it takes to start; there is no failover."
    ),
    steps=until_back(Inject(Kill(process="patroni"), "leader"), then_s=8),
    expectations=(
        Expect("writes return within 5 s", "rto_ms", "<=", Bound(seconds=5)),
        Expect("the leader stays", "leader_after", "==", "leader_before"),
        *SAFE,
    ),
    cost_s=35,
)
