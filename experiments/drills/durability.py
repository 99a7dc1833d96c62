"""What a commit that waits for no standby is worth: the power cut of the leader with asynchronous replication."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE
from firedrill.experiments.model import HIT, Bound, ExpectAlert, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.network.drop import Drop
from firedrill.faults.power.power_cut import PowerCut

ASYNCHRONOUS = Experiment(
    name="leader_power_cut_async",
    title="The leader loses power while its standbys lag, with asynchronous replication",
    question="What does durability `off` lose?",
    hypothesis=(
        "No commit waits for a standby, and `maximum_lag_on_failover` allows any of them to lead: every write that was "
        "acknowledged while replication was interrupted is lost. The judge finds them."
    ),
    settings={"synchronous_mode": False, "maximum_lag_on_failover": 1 << 30},
    steps=(
        Wait(4),
        Inject(Drop(peers="leader", ports="postgres", direction="in"), "initial_replica:1,initial_replica:2"),
        Wait(4),
        Inject(PowerCut(), "leader"),
        UntilWrites(within_s=90),
        Wait(3),
        Heal(),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=SAFE,
    alerts=(
        ExpectAlert("HostDown", within_s=30, host=HIT, fault=2),
        ExpectAlert("FailoverHappened", within_s=Bound(35, ttl=1), fault=2, hold=False),
        *OF_A_LEADER,
    ),
    cost_s=65,
    needs=Needs(databases=3, power=("power_on", "power_off")),
    not_on={"group_replication": "a commit always waits for a majority of the group"},
)
