"""A leader under stress: the fence must not take a busy host for a dead one.

How many misses it waits for is `fence_misses` of the inventory, which the run records.
"""

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.drills.fence_steps import ANY, DECLINED
from firedrill.experiments.model import Experiment, Needs, Step
from firedrill.experiments.steps import Heal, Inject, Level, UntilSteady, Wait
from firedrill.faults.network.delay import Delay
from firedrill.faults.network.loss import Loss
from firedrill.faults.protocol import Fault
from firedrill.faults.resource.cpu import Cpu
from firedrill.faults.resource.disk_io import DiskIo
from firedrill.faults.resource.memory import Memory

_CALM_S = 5


def _steps(strains: dict[str, Fault], seconds: float) -> tuple[Step, ...]:
    steps: list[Step] = [Wait(6)]
    for name, fault in strains.items():
        steps += [Inject(fault, "leader", limit_s=seconds + 60), Level(name, seconds), Heal(), Wait(_CALM_S)]
    return (*steps, UntilSteady(within_s=90), Wait(2))


def _drill(name: str, title: str, strains: dict[str, Fault], seconds: float, needs: Needs) -> Experiment:
    return Experiment(
        name=name,
        title=title,
        question="Does the fence wrongly consider a busy leader, or one with a bad network, dead?",
        hypothesis=(
            "The kernel of a busy host still answers connections, and each of several ports is asked in each sample: "
            "the fence does nothing, and the leader stays."
        ),
        steps=_steps(strains, seconds),
        expectations=(STAYS, DECLINED, *SAFE),
        cost_s=len(strains) * (seconds + 10) + 20,
        needs=needs,
    )


LOCAL = _drill(
    "fence_false_alarms",
    "The leader is short of CPU, disk, memory, and loses a tenth of its packets, for ten minutes",
    {
        "CPU": Cpu(percent=100),
        "disk": DiskIo(workers=4, mib=32),
        "memory": Memory(mib=192),
        "10 % loss": Loss(percent=10),
    },
    150,
    Needs(fence=ANY),
)
SLOW = _drill(
    "fence_false_alarms_slow",
    "The leader's network is slow by 100 ms, for five minutes",
    {"100 ms": Delay(ms=100)},
    300,
    Needs(kernel=("netem", "classful"), fence=ANY),
)

EXPERIMENTS = (LOCAL, SLOW)
