"""The leader is shut down cleanly, as for maintenance without a switchover."""

from firedrill.experiments.drills.common import FAILOVER, HOST_DOWN, OF_A_LEADER, SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.power.poweroff import Poweroff

EXPERIMENT = Experiment(
    name="leader_poweroff",
    title="The leader is shut down cleanly",
    question="Does a clean shutdown of the primary hand the leadership over, or must the lease expire?",
    hypothesis=(
        "Patroni stops PostgreSQL, releases the leader key, and a sync standby takes over within 5 s; no acknowledged "
        "write is lost, and the old leader returns as a replica without an error for any user."
    ),
    steps=until_back(Inject(Poweroff(), "leader")),
    expectations=(
        Expect("writes return within 5 s", "rto_ms", "<=", Bound(seconds=5)),
        Expect("another node leads", "leader_after", "!=", "leader_before"),
        Expect("no error when it returns", "errors_after_heal", "==", 0),
        *SAFE,
    ),
    alerts=(HOST_DOWN, FAILOVER, *OF_A_LEADER),
    cost_s=45,
)
