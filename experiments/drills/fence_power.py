"""The fence's power device fails, hangs, lies or is slow while the leader is off."""

from firedrill.experiments.drills.common import SAFE
from firedrill.experiments.drills.fence_steps import DECLINED, FOLDER, RELEASED, TTL_S, powered_by, then_cut
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Inject

_NEEDS = Needs(databases=3, coordinators=3, power=("power_on", "power_off"), fence=("power",))
_OFF = f"{FOLDER}/drill.off"
_STATUS = f"if [ -e {_OFF} ]; then echo off; else echo on; fi"


def _drill(name: str, title: str, hypothesis: str, device: tuple[str, str], *wanted: Expect) -> Experiment:
    status, off = device
    text = f"a power device that {title}"
    judges = Inject(powered_by(status, off), "group:etcd", limit_s=240, max_hosts=9, allow_quorum_loss=True, text=text)
    return Experiment(
        name=f"fence_power_{name}",
        title=f"The power device of the fence {title}, and the leader loses power",
        question="Does the fence trust what a power command says, rather than what the device reports afterwards?",
        hypothesis=hypothesis,
        steps=then_cut(judges),
        expectations=(*wanted, *SAFE),
        cost_s=80,
        needs=_NEEDS,
    )


_REFUSED = "A power-off that is not confirmed stops the fence: Patroni fails over when the lease has expired."


def _slow(seconds: int) -> Experiment:
    device = (_STATUS, f"sleep {seconds}; touch {_OFF}")
    title = f"takes {seconds} s"
    if seconds > _PATIENCE_S:
        return _drill(f"slow_{seconds}s", title, _REFUSED, device, TTL_S, DECLINED)
    bound = Expect(
        f"writes return {seconds} s later than with a quick device", "rto_ms", "<=",
        Bound(seconds=5 + seconds, fence_silence=1),
    )  # fmt: skip
    hypothesis = "The fence waits for the device, asks it again, and then acts."
    return _drill(f"slow_{seconds}s", title, hypothesis, device, bound, RELEASED)


_PATIENCE_S = 10  # the `fence_power_seconds` of an inventory that does not say otherwise

EXPERIMENTS = (
    _drill("fails", "fails", _REFUSED, (_STATUS, "exit 1"), TTL_S, DECLINED),
    _drill("hangs", "hangs", _REFUSED, (_STATUS, "sleep 600"), TTL_S, DECLINED),
    _drill("lies", "reports success and does nothing", _REFUSED, (_STATUS, "exit 0"), TTL_S, DECLINED),
    _slow(2),
    _slow(5),
    _slow(20),
)
