"""A host of the monitoring dies: who notices?"""

from firedrill.experiments.drills.common import HOST_DOWN, SAFE, STAYS, may
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.power.power_cut import PowerCut

EXPERIMENT = Experiment(
    name="monitoring_down",
    title="One of two monitors loses power",
    question="Is an alert delivered when the monitoring itself fails, and is the cluster affected?",
    hypothesis=(
        "Each monitor watches the other: the one that is left delivers HostDown within 30 s. The cluster needs "
        "neither. A single monitor cannot report its own end: only a dead man's switch outside does."
    ),
    steps=(Wait(8), Inject(PowerCut(), "group:monitor:1", limit_s=120), Wait(10), Heal(), UntilSteady(60), Wait(2)),
    expectations=(Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)), STAYS, *SAFE),
    alerts=(HOST_DOWN, *may("MonitorDown", "ScrapeDown")),
    cost_s=60,
    needs=Needs(monitors=2, power=("power_on", "power_off")),
)
