"""The leader's host dies with everything on it: how many messages does one person get?"""

from firedrill.experiments.drills.common import FAILOVER, HOST_DOWN, OF_A_LEADER, SAFE, until_back
from firedrill.experiments.model import Expect, Experiment, Needs
from firedrill.experiments.steps import Inject
from firedrill.faults.power.power_cut import PowerCut

MOST = 8

EXPERIMENT = Experiment(
    name="alert_storm",
    title="The leader's host dies: all the alerts that this raises",
    question="How many alerts are delivered for one dead host, and is the cause among them?",
    hypothesis=(
        f"HostDown suppresses the other alerts of its host, so that at most {MOST} are delivered: the cause, and what "
        "it means for the cluster and its users."
    ),
    steps=until_back(Inject(PowerCut(), "leader", limit_s=150), then_s=20),
    expectations=(Expect(f"at most {MOST} alerts are delivered", "alerts_delivered", "<=", MOST), *SAFE),
    alerts=(HOST_DOWN, FAILOVER, *OF_A_LEADER),
    cost_s=80,
    needs=Needs(monitors=1, power=("power_on", "power_off")),
)
