"""The leader's clock jumps by more than any lease, ahead or back, and is right again."""

from firedrill.experiments.drills.common import FAILOVER, OF_A_LEADER, SAFE, STAYS, may
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilAfterFault, UntilSteady, UntilWrites, Wait
from firedrill.faults.clock.clock_jump import ClockJump

AHEAD = Experiment(
    name="clock_jump",
    title="The leader's clock jumps by ten minutes",
    question="Does a sudden clock error cause a failover, or worse?",
    hypothesis="etcd counts the leases, and timeouts use monotonic clocks: nothing happens.",
    steps=(
        Wait(8),
        Inject(ClockJump(seconds=600), "leader"),
        Wait(12),
        Heal(),
        Wait(4),
        UntilSteady(within_s=60),
        Wait(2),
    ),
    expectations=(
        Expect("writes go on", "rto_ms", "<=", Bound(seconds=5)),
        STAYS,
        *SAFE,
    ),
    alerts=(*may("ClockSkew"), *OF_A_LEADER),
    cost_s=50,
    needs=Needs(kernel=("own_kernel",)),
)

BACK = Experiment(
    name="clock_back",
    title="The leader's clock jumps back by ten minutes",
    question="What does a leader do if its clock jumps back, as when NTP corrects a clock that was ahead?",
    hypothesis=(
        "Patroni plans its next loop by the wall clock: the leader sleeps until the clock has caught up, and its lease "
        "expires. A watchdog resets it; without one it stays a primary, whose writes no sync standby confirms. Another "
        "node leads within ttl + 4 s."
    ),
    steps=(
        Wait(8),
        Inject(ClockJump(seconds=-600), "leader", limit_s=180),
        UntilAfterFault(Bound(10, ttl=1)),
        UntilWrites(within_s=60),
        Heal(),
        Wait(4),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(4, ttl=1)),
        *SAFE,
    ),
    alerts=(FAILOVER, *may("ClockSkew", "HostDown"), *OF_A_LEADER),
    cost_s=80,
    needs=Needs(kernel=("own_kernel",)),
)

EXPERIMENTS = (AHEAD, BACK)
