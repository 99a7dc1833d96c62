"""The leader's clock jumps by more than any lease, ahead or back, and is right again."""

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.clock.clock_jump import ClockJump


def _jump(name: str, title: str, question: str, hypothesis: str, seconds: float) -> Experiment:
    return Experiment(
        name=name,
        title=title,
        question=question,
        hypothesis=hypothesis,
        steps=(
            Wait(8),
            Inject(ClockJump(seconds=seconds), "leader"),
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


EXPERIMENTS = (
    _jump(
        "clock_jump",
        "The leader's clock jumps by ten minutes",
        "Does a sudden clock error cause a failover, or worse?",
        "etcd counts the leases, and timeouts use monotonic clocks: nothing happens.",
        600,
    ),
    _jump(
        "clock_back",
        "The leader's clock jumps back by ten minutes",
        "Does a clock that goes back make the leader wait, or keep a lease that it lost?",
        "etcd counts the leases, and timeouts use monotonic clocks: nothing waits for the clock to catch up.",
        -600,
    ),
)
