"""A member of a MySQL group returns after much was written: by the binary log, and by a clone of all data."""

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, Reinitialize, UntilCaughtUp, UntilSteady, Wait, WriteLog
from firedrill.faults.process.stop_service import StopService

_MIB = 128
_AWAY = (Wait(5), Inject(StopService("mysql"), "initial_replica:1", limit_s=120), WriteLog(mib=_MIB), Wait(4), Heal())
_CALM = (
    Expect("it catches up within 60 s", "caught_up_ms", "<=", Bound(seconds=60)),
    Expect("writes go on", "rto_ms", "<=", Bound(seconds=5)),
    STAYS,
    *SAFE,
)


def _by(how: str) -> Expect:
    return Expect(f"it needed {how}", "caught_up_by", "==", how)


BINLOG = Experiment(
    name="long_absence_binlog",
    title="A secondary is down during many writes, which the binary log retains",
    question="What does a secondary need to rejoin after hours?",
    hypothesis="The members keep their binary logs for a day: it gets what it lacks from one of them, without help.",
    steps=(*_AWAY, UntilCaughtUp("initial_replica:1", within_s=60), UntilSteady(within_s=60), Wait(2)),
    expectations=(_by("the binary log alone"), *_CALM),
    cost_s=60,
    needs=Needs(databases=3),
)

CLONE = Experiment(
    name="long_absence_clone",
    title="A secondary is down during many writes, and then clones all data",
    question="What does a rejoining secondary cost when the binary log no longer holds what it lacks?",
    hypothesis=(
        "An operator has it clone all data from a member, which takes seconds here and hours elsewhere. mysqld "
        "restarts at the end of it. Writes go on."
    ),
    steps=(
        *_AWAY,
        Reinitialize("initial_replica:1"),
        UntilCaughtUp("initial_replica:1", within_s=60),
        UntilSteady(within_s=60),
        Wait(2),
    ),
    expectations=(_by("a clone of all data"), *_CALM),
    cost_s=75,
    needs=Needs(databases=3),
)

EXPERIMENTS = (BINLOG, CLONE)
