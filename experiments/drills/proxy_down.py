"""The proxy that clients use loses power, with and without a floating address."""

from firedrill.experiments.drills.common import HOST_DOWN, OF_A_NODE, SAFE, STAYS, may, until_back
from firedrill.experiments.model import Bound, Expect, ExpectAlert, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.power.power_cut import PowerCut

_POWER = ("power_on", "power_off")

PAIR = Experiment(
    name="proxy_killed",
    title="The proxy that holds the floating address loses power",
    question="How long is everything unreachable until the other proxy takes over the address?",
    hypothesis="keepalived on the other proxy misses three advertisements and takes over the address within 4 s.",
    steps=until_back(Inject(PowerCut(), "vip_holder"), then_s=8, steady_s=60),
    expectations=(
        Expect("writes return within 4 s", "rto_ms", "<=", Bound(seconds=4)),
        Expect("reads return within 6 s", "read_outage_ms", "<=", Bound(seconds=6)),
        STAYS,
        *SAFE,
    ),
    alerts=(HOST_DOWN, ExpectAlert("FloatingAddressMoved", within_s=30), *may("ProxyDown"), *OF_A_NODE),
    cost_s=45,
    needs=Needs(proxies=2, vip=True, power=_POWER),
)

SINGLE = Experiment(
    name="proxy_single_killed",
    title="The only proxy loses power",
    question="What does a single proxy mean for a cluster of three?",
    hypothesis="Nothing is reachable until the proxy is: a healthy database that no client can use.",
    one_proxy=True,
    steps=(Wait(8), Inject(PowerCut(), "vip_holder"), Wait(10), Heal(), UntilSteady(within_s=60), Wait(4)),
    expectations=(
        Expect("nothing is read meanwhile", "during.read_ratio", "<=", 0.1),
        Expect("nothing is written meanwhile", "during.write_ratio", "<=", 0.1),
        Expect("writes are back within 20 s of switching it on", "back_after_heal_ms", "<=", Bound(seconds=20)),
        STAYS,
        *SAFE,
    ),
    alerts=(HOST_DOWN, *may("ProxyDown", "FloatingAddressMoved", "AppInstanceDown"), *OF_A_NODE),
    cost_s=50,
    needs=Needs(proxies=1, power=_POWER),
)

EXPERIMENTS = (PAIR, SINGLE)
