"""The proxies cannot see each other, and everybody else sees both."""

from firedrill.experiments.drills.common import ONE_HOLDER, SAFE, STAYS, may
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.network.partition import Partition

EXPERIMENT = Experiment(
    name="vip_split",
    title="The proxies are cut off from each other",
    question="Do two proxies hold the floating address, and what do users notice of it?",
    hypothesis=(
        "VRRP has no quorum: without advertisements the other proxy takes the address, too, and both hold it until "
        "they see each other again. Users reach whichever announced it last. Both proxies lead to the same leader, so "
        "writes pause for a few seconds at most, and no data is at risk. An address that something with a quorum "
        "assigns has one holder throughout."
    ),
    steps=(
        Wait(8),
        Inject(Partition(peers="group:proxy"), "group:proxy:1", limit_s=90),
        Wait(15),
        Heal(),
        UntilSteady(within_s=60),
        Wait(4),
    ),
    expectations=(
        ONE_HOLDER,
        Expect("writes pause for 4 s at most", "rto_ms", "<=", Bound(seconds=4)),
        Expect("reads pause for 6 s at most", "read_outage_ms", "<=", Bound(seconds=6)),
        STAYS,
        *SAFE,
    ),
    alerts=may("FloatingAddressMoved", "ProxyDown", "HostDown", "UserErrors", "UserLatency"),
    cost_s=45,
    needs=Needs(proxies=2, vip=True),
)
