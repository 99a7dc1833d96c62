"""The consistency levels of a MySQL group: what each costs before a failover, and what a read waits for during one."""

from firedrill.experiments.drills.common import SAFE, until_back
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Inject
from firedrill.faults.power.power_cut import PowerCut

_PROMISES = {
    "EVENTUAL": "Reads and writes wait for nothing: a new primary answers before it has applied what it received.",
    "BEFORE_ON_PRIMARY_FAILOVER": (
        "As EVENTUAL, but requests to a new primary wait until it has applied what it received: no stale read."
    ),
    "AFTER": (
        "A commit waits until every member has applied it: each write takes longer, and every read sees it. A silent "
        "secondary holds all writes until it is expelled."
    ),
}


def _of(level: str) -> Experiment:
    return Experiment(
        name=f"consistency_{level.lower()}",
        title=f"The leader loses power, with consistency {level}",
        question=f"What does {level} cost before a failover, and what do reads do during it?",
        hypothesis=f"{_PROMISES[level]} Writes return within ttl + 4 s.",
        settings={"consistency": level},
        steps=until_back(Inject(PowerCut(), "leader"), writes_s=90, steady_s=120),
        expectations=(
            Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4)),
            Expect("reads return within ttl + 4 s", "read_outage_ms", "<=", Bound(ttl=1, seconds=4)),
            *SAFE,
        ),
        cost_s=70,
        needs=Needs(power=("power_on", "power_off")),
        only_on={"group_replication": "consistency levels are those of a group"},
    )


EXPERIMENTS = tuple(_of(level) for level in _PROMISES)
