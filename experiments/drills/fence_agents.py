"""The fence loses agents: one judge, two judges, or whoever decides, at each point of a fenced failover."""

from firedrill.experiments.drills.common import FENCED, SAFE
from firedrill.experiments.drills.fence_steps import AGENT, ANY, DECLINED, RELEASED, TTL_S, Moment, die_after, then_cut
from firedrill.experiments.model import Expect, Experiment, Needs
from firedrill.experiments.steps import Inject
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.process.stop_service import StopService

_NEEDS = Needs(databases=3, coordinators=3, power=("power_on", "power_off"), fence=ANY)
_POWER = Needs(databases=3, coordinators=3, power=("power_on", "power_off"), fence=("power",))
_LIMIT_S = 240  # it is active when the leader's power is cut, until both are healed


ONE_DOWN = Experiment(
    name="fence_judge_down",
    title="A judge of the fence is off, and then the leader loses power",
    question="Does the fence still act with two of three judges?",
    hypothesis="Two are a majority: writes return as soon as with three, and no acknowledged write is lost.",
    steps=then_cut(Inject(PowerCut(), "group:etcd:1", limit_s=_LIMIT_S)),
    expectations=(FENCED, RELEASED, *SAFE),
    cost_s=70,
    needs=_NEEDS,
)

TWO_DOWN = Experiment(
    name="fence_judges_down",
    title="Two judges of the fence are stopped, and then the leader loses power",
    question="What does one judge of three do?",
    hypothesis="One is no majority: the fence does nothing, and Patroni fails over when the lease has expired.",
    steps=then_cut(
        Inject(StopService(AGENT), "group:etcd:1", limit_s=_LIMIT_S),
        Inject(StopService(AGENT), "group:etcd:2", limit_s=_LIMIT_S, allow_quorum_loss=True),
    ),
    expectations=(TTL_S, DECLINED, *SAFE),
    cost_s=80,
    needs=_NEEDS,
)


def _killed(moment: Moment, words: str, hypothesis: str, needs: Needs, *wanted: Expect) -> Experiment:
    return Experiment(
        name=f"fence_agent_killed_{moment}",
        title=f"Each judge of the fence is killed {words}",
        question=f"Does an agent that is killed {words} leave a cluster that heals?",
        hypothesis=hypothesis,
        steps=then_cut(
            Inject(
                die_after(moment),
                "group:etcd",
                limit_s=_LIMIT_S,
                max_hosts=9,
                allow_quorum_loss=True,
                text=f"agents that die {words}",
            )
        ),
        expectations=(*wanted, *SAFE),
        cost_s=90,
        needs=needs,
    )


REFUSED = _killed(
    "refused",
    "after the standbys refuse the leader",
    "The judge's lease ends, and with it the refusal; the next judge tries, and is killed, too. Patroni fails over "
    "when the leader's lease has expired, as without the fence.",
    _NEEDS,
    TTL_S,
)
POWERED_OFF = _killed(
    "powered_off",
    "after the power-off",
    "Nobody refuses the leader yet. Patroni fails over when its lease has expired, as without the fence.",
    _POWER,
    TTL_S,
)
RELEASED_FIRST = _killed(
    "released",
    "after the transaction",
    "The leader key is gone and Patroni elects. The other judges end the refusal once the old leader is back.",
    _NEEDS,
    FENCED,
)

EXPERIMENTS = (ONE_DOWN, TWO_DOWN, REFUSED, POWERED_OFF, RELEASED_FIRST)
