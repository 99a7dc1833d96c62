"""What the drills of the fence share: their expectations, and how a drill changes the agents for a while.

An agent reads /run/firedrill/fence/drill.json when it starts, where the inventory allows drills.
"""

import json
import shlex
from typing import Any, Literal

from firedrill.experiments.drills.common import until_back
from firedrill.experiments.model import Bound, Expect, Step
from firedrill.experiments.steps import Inject, Wait
from firedrill.faults.command import Command
from firedrill.faults.power.power_cut import PowerCut

AGENT = "firedrill-fence"
ANY = ("quorum", "power")
FOLDER = "/run/firedrill/fence"
Moment = Literal["refused", "powered_off", "released"]

TTL_S = Expect("writes return within ttl + 6 s", "rto_ms", "<=", Bound(ttl=1, seconds=6))
RELEASED = Expect("the fence ends the leadership, once", "fence.released", "==", 1)
DECLINED = Expect("the fence does not act", "fence.released", "==", 0)


def then_cut(*before: Step) -> tuple[Step, ...]:
    """After these steps the leader loses power."""
    cut = Inject(PowerCut(), "leader")
    return (Wait(4), *before, *until_back(cut, jitter="loop_wait", writes_s=90, steady_s=120))


def changed(**content: Any) -> Command:
    """The agents of a host with this content of drill.json. They are restarted, and again when it is healed."""
    text = shlex.quote(json.dumps(content))
    restart = f"systemctl reset-failed {AGENT} 2>/dev/null || true; systemctl restart {AGENT}"
    return Command(
        do=f"mkdir -p {FOLDER} && printf %s {text} > {FOLDER}/drill.json && {{ {restart}; }}",
        proof=f"[ -e {FOLDER}/drill.json ] && grep -q '\"unsafe\": true' {FOLDER}/status.json",
        undo=f"rm -f {FOLDER}/drill.*; {restart}",
    )


def die_after(moment: Moment) -> Command:
    """The judge that acts kills itself after this moment of a fenced failover."""
    return changed(die_after=moment)


def powered_by(status: str, off: str) -> Command:
    """The judges use these shell texts as their power device."""
    return changed(power={"status": ["sh", "-c", status], "off": ["sh", "-c", off]})
