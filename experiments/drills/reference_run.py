"""The run of a published report: one page through nginx; a database node is lost, and 20 s later an app instance."""

from firedrill.experiments.drills.common import SAFE
from firedrill.experiments.model import Bound, Expect, Experiment, Load, Needs
from firedrill.experiments.steps import Heal, Inject, UntilAfterFault, UntilSteady, Wait
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.process.kill import Kill

EXPERIMENT = Experiment(
    name="reference_run",
    title="One connection requests one page while a database node and an app instance are lost",
    question="Does a user who only reads notice that a database node and then an app instance are lost?",
    hypothesis=(
        "No: reads go to the replicas, so that the failover of the database does not concern them, and the proxy sends "
        "a read that found no app to the other one. Every answer is 200."
    ),
    load=Load(file="loadtests/one_page.py", rates={"GET /cities": 1}),
    steps=(
        Wait(20),
        Inject(PowerCut(), "leader", limit_s=120),
        UntilAfterFault(Bound(seconds=20)),
        Inject(Kill("app"), "group:app:1"),
        UntilAfterFault(Bound(seconds=40)),
        Heal(),
        UntilSteady(within_s=120),
        Wait(2),
    ),
    expectations=(
        Expect("every answer is 200", "user_errors", "==", 0),
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4), Bound(4, ttl=1, election=3)),
        *SAFE,
    ),
    cost_s=95,
    needs=Needs(apps=2, proxies=1, power=("power_on", "power_off")),
)
