"""The leader's clock jumps ahead by more than any lease, and back."""

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.clock.clock_jump import ClockJump

EXPERIMENT = Experiment(
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
    cost_s=50,
    needs=Needs(kernel=("own_kernel",)),
)
