"""One of the app servers fails, behind the proxies."""

from firedrill.experiments.drills.common import SAFE, STAYS, may
from firedrill.experiments.model import HIT, Bound, Expect, ExpectAlert, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.process.freeze import Freeze
from firedrill.faults.process.kill import Kill

_APP = "group:app:1"
_EXPECTED = (
    Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)),
    STAYS,
    *SAFE,
)

KILLED = Experiment(
    name="app_killed",
    title="One of two app servers is killed",
    question="Do users notice that one of two app servers dies?",
    hypothesis=(
        "The proxy sends a read that found no server to the other one: no GET fails. A POST in progress may fail, "
        "because only the client may send it again."
    ),
    steps=(Wait(8), Inject(Kill("app"), _APP), Wait(8), Heal(), UntilSteady(within_s=60), Wait(4)),
    expectations=(Expect("no GET fails", "read_errors", "==", 0), *_EXPECTED),
    alerts=may("AppInstanceDown", "UserErrors", "ScrapeDown"),
    cost_s=40,
    needs=Needs(apps=2),
)

FROZEN = Experiment(
    name="app_frozen",
    title="One of two app servers freezes",
    question="Do users notice that one of two app servers accepts requests and answers none?",
    hypothesis=(
        "The proxy takes it out after two unanswered health checks, and sends its waiting reads to the other server: "
        "no GET fails, and none takes more than 5 s."
    ),
    steps=(Wait(8), Inject(Freeze("app"), _APP), Wait(10), Heal(), UntilSteady(within_s=60), Wait(4)),
    expectations=(
        Expect("no GET fails", "read_errors", "==", 0),
        Expect("a GET takes 5 s at most", "during.read_worst_ms", "<=", Bound(seconds=5)),
        *_EXPECTED,
    ),
    alerts=(ExpectAlert("AppInstanceDown", within_s=30, host=HIT), *may("UserErrors", "UserLatency", "ScrapeDown")),
    cost_s=45,
    needs=Needs(apps=2),
)

EXPERIMENTS = (KILLED, FROZEN)
