"""Every database host is rebooted under load, as for a new kernel: standbys first, the leader after a switchover."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE, may
from firedrill.experiments.model import Bound, Expect, ExpectAlert, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, Switchover, UntilSteady, Wait
from firedrill.faults.power.reboot import Reboot


def _reboot(target: str) -> tuple:
    return Inject(Reboot(), target), Heal(), UntilSteady(within_s=60)


EXPERIMENT = Experiment(
    name="rolling_reboot",
    title="All database hosts are rebooted one after the other",
    question="What do users notice of a rolling reboot?",
    hypothesis="Only the switchover, for 5 s at most; no acknowledged write is lost.",
    steps=(
        Wait(6),
        *_reboot("initial_replica:1"),
        *_reboot("initial_replica:2"),
        Wait(4),  # until both standbys are synchronous again; without one, a new primary makes its clients wait
        Switchover(),
        UntilSteady(within_s=60),
        *_reboot("initial_leader"),
        Wait(2),
    ),
    expectations=(
        Expect("writes pause for 5 s at most", "rto_ms", "<=", Bound(seconds=5)),
        Expect("one change of leader", "leader_changes", "==", 1),
        Expect("reads pause for 3 s at most", "read_outage_ms", "<=", Bound(seconds=3)),
        *SAFE,
    ),
    alerts=(
        ExpectAlert("FailoverHappened", within_s=30, fault=3, hold=False),  # of the switchover
        *may("HostDown"),
        *OF_A_LEADER,
    ),
    cost_s=90,
    needs=Needs(databases=3, power=("power_on",)),
)
