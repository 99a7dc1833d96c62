"""The leader's database stops for seconds, several times, as while its virtual machine is snapshotted."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Step
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.process.freeze_loop import FreezeLoop

FREEZE_S, RUN_S, TIMES = 2, 4, 5

WAITED = (
    Expect("writes wait for a stop and 4 s at most", "rto_ms", "<=", Bound(seconds=FREEZE_S + 4)),
    STAYS,
    *SAFE,
)


def stops_of(process: str) -> tuple[Step, ...]:
    """The short stops of a process of the leader, and what follows them."""
    return (
        Wait(8),
        Inject(FreezeLoop(process=process, freeze_s=FREEZE_S, run_s=RUN_S, times=TIMES), "leader", limit_s=120),
        Wait((FREEZE_S + RUN_S) * TIMES),
        Heal(),
        UntilWrites(within_s=30),
        UntilSteady(within_s=60),
        Wait(2),
    )


EXPERIMENT = Experiment(
    name="short_freezes",
    title=f"The leader stops {TIMES} times for {FREEZE_S} s",
    question="Do short stops of the leader, such as snapshots of its virtual machine, cause a failover?",
    hypothesis=(
        f"A stop of {FREEZE_S} s is shorter than ttl - loop_wait, so the lease outlives it: no failover. Writes "
        "wait for the stop, and none is lost."
    ),
    steps=stops_of("patroni"),
    expectations=WAITED,
    alerts=OF_A_LEADER,
    cost_s=65,
)
