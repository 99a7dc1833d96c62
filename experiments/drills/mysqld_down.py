"""The primary's mysqld: killed, frozen, stopped again and again for a moment."""

from firedrill.experiments.drills.common import SAFE, until_back
from firedrill.experiments.drills.short_freezes import FREEZE_S, TIMES, WAITED, stops_of
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Inject
from firedrill.faults.process.freeze import Freeze
from firedrill.faults.process.kill import Kill

_FAILOVER = (
    Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4)),
    Expect("another node leads", "leader_after", "!=", "leader_before"),
    *SAFE,
)

KILLED = Experiment(
    name="mysqld_killed",
    title="The primary's mysqld is killed",
    question="Is a crashed primary restarted in time to lead again, or does the group fail over?",
    hypothesis=(
        "systemd restarts mysqld within seconds, but a restarted server is no member. The others suspect it after 5 s "
        "of silence, expel it, and one of them leads within ttl + 4 s. Then it rejoins without help."
    ),
    steps=until_back(Inject(Kill(process="mysql"), "leader")),
    expectations=_FAILOVER,
    cost_s=50,
)

FROZEN = Experiment(
    name="mysqld_frozen",
    title="The primary's mysqld freezes, and resumes when another node leads",
    question="Does an old primary that resumes accept writes as if no time had passed?",
    hypothesis=(
        "The others expel it, and one of them leads within ttl + 4 s. The old primary resumes with open connections, "
        "but no majority certifies its transactions: it acknowledges none, learns that it was expelled, and rejoins."
    ),
    steps=until_back(Inject(Freeze(process="mysql"), "leader")),
    expectations=_FAILOVER,
    cost_s=60,
)

SHORT_FREEZES = Experiment(
    name="mysqld_short_freezes",
    title=f"The primary's mysqld stops {TIMES} times for {FREEZE_S} s",
    question="Do short stops of the primary, such as snapshots of its virtual machine, cause a failover?",
    hypothesis=(
        f"A stop of {FREEZE_S} s is shorter than the 5 s after which a member is suspected: no failover. Writes wait "
        "for the stop, and none is lost."
    ),
    steps=stops_of("mysql"),
    expectations=WAITED,
    cost_s=65,
)

EXPERIMENTS = (KILLED, FROZEN, SHORT_FREEZES)
