"""Nothing fails: is the monitoring silent?"""

from firedrill.experiments.drills.common import may
from firedrill.experiments.model import Expect, Experiment, Needs
from firedrill.experiments.steps import Wait

SECONDS = 600

EXPERIMENT = Experiment(
    name="quiet_hour",
    title="Ten minutes of healthy load",
    question="Is any alert delivered while nothing is wrong?",
    hypothesis="No alert fires; only the dead man's switch does, as always.",
    steps=(Wait(SECONDS),),
    expectations=(
        Expect("no alert fires", "alerts_unexpected", "==", 0),
        Expect("no acknowledged write is lost", "lost", "==", 0),
        Expect("never two primaries", "dual_primary_ms", "==", 0),
        Expect("the cluster is healthy", "steady_after", "is", True),
    ),
    alerts=may("DeadMansSwitch"),
    cost_s=SECONDS + 20,
    needs=Needs(monitors=1),
)
