"""The leader's network loses packets or is slow: latency and rate as a curve."""

from firedrill.experiments.drills.common import OF_A_LEADER, SAFE, may
from firedrill.experiments.model import Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, Level, UntilSteady, Wait
from firedrill.faults.network.delay import Delay
from firedrill.faults.network.loss import Loss

SECONDS = 8
_KEEPS_UP = Expect("at least a fifth of the writes go on", "during.write_ratio", ">=", 0.2)


def _curve(points: dict) -> tuple:
    """First without a fault, then each point of the curve."""
    steps: list = [Wait(4), Level("calm", SECONDS)]
    for name, fault in points.items():
        steps += [Inject(fault, "leader", limit_s=60), Level(name, SECONDS), Heal()]
    return (*steps, UntilSteady(within_s=90), Wait(2))


LOSSY = Experiment(
    name="lossy_network",
    title="The leader's network loses 1, 5, 30 % of its packets",
    question="How much do writes and reads slow down when packets are lost, and does it cause a failover?",
    hypothesis=(
        "TCP retransmits after 200 ms or more: 1 % is hardly noticed, at 5 % the slowest writes take longer, at 30 % "
        "most do. Either the leader stays or a standby takes over; no write is lost."
    ),
    steps=_curve({f"{percent} % loss": Loss(percent=percent) for percent in (1, 5, 30)}),
    expectations=(_KEEPS_UP, *SAFE),
    alerts=(*may("TcpRetransmits", "FailoverHappened", "HostDown"), *OF_A_LEADER),
    cost_s=75,
)

SLOW = Experiment(
    name="slow_network",
    title="The leader's network is slow: 10, 100, 500 ms",
    question="What does each millisecond of network delay add to a write?",
    hypothesis=(
        "A commit waits for one round trip to the standby, and its client for a few more. At 500 ms Patroni's own "
        "calls to etcd still end within retry_timeout: no failover."
    ),
    steps=_curve({f"{ms} ms": Delay(ms=ms) for ms in (10, 100, 500)}),
    expectations=(_KEEPS_UP, *SAFE),
    alerts=(*may("TcpRetransmits", "FailoverHappened", "HostDown"), *OF_A_LEADER),
    cost_s=75,
    needs=Needs(kernel=("netem", "classful")),
)

EXPERIMENTS = (LOSSY, SLOW)
