"""The leader's Patroni is killed and restarted by systemd while its PostgreSQL runs on."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.process.kill import Kill

EXPERIMENT = Experiment(
    name="patroni_killed",
    title="The leader's Patroni is killed",
    question="Does a crash of the agent cause an outage of the database that it manages?",
    hypothesis=(
        "systemd restarts Patroni immediately; it finds PostgreSQL running and the leader key still valid, and keeps "
        "both. HAProxy may mark it down until it has started; there is no failover."
    ),
    steps=until_back(Inject(Kill(process="patroni"), "leader"), then_s=8),
    expectations=(
        Expect("writes return within 5 s", "rto_ms", "<=", Bound(seconds=5)),
        Expect("the leader stays", "leader_after", "==", "leader_before"),
        *SAFE,
    ),
    alerts=OF_A_LEADER,
    cost_s=35,
)
