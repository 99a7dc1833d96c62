"""One of the app's hosts fails, behind the proxies."""

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.process.freeze import Freeze
from firedrill.faults.process.kill import Kill

_APP = "group:app:1"
_EXPECTED = (
    Expect("the database notices nothing", "rto_ms", "<=", Bound(seconds=2)),
    STAYS,
    *SAFE,
)

KILLED = Experiment(
    name="app_killed",
    title="One of two app servers is killed",
    question="Do users notice that one of two app servers dies?",
    hypothesis=(
        "The proxy sends a read that found nobody to the other server: no GET fails. A POST that was under way may, "
        "since nobody but the client may send it again."
    ),
    steps=(Wait(8), Inject(Kill("app"), _APP), Wait(8), Heal(), UntilSteady(within_s=60), Wait(4)),
    expectations=(Expect("no GET fails", "read_errors", "==", 0), *_EXPECTED),
    cost_s=40,
    needs=Needs(app=2),
)

FROZEN = Experiment(
    name="app_frozen",
    title="One of two app servers freezes",
    question="Do users notice that one of two app servers takes requests and answers none?",
    hypothesis=(
        "The proxy takes it out after two checks without an answer, and sends reads that it kept waiting to the other "
        "server: no GET fails, none takes over 5 s."
    ),
    steps=(Wait(8), Inject(Freeze("app"), _APP), Wait(10), Heal(), UntilSteady(within_s=60), Wait(4)),
    expectations=(
        Expect("no GET fails", "read_errors", "==", 0),
        Expect("a GET waits for 5 s at most", "during.read_worst_ms", "<=", Bound(seconds=5)),
        *_EXPECTED,
    ),
    cost_s=45,
    needs=Needs(app=2),
)

EXPERIMENTS = (KILLED, FROZEN)
