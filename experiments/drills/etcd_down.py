"""etcd loses one member, its majority, or all members: what Patroni can still decide."""

from firedrill.experiments.drills.common import HOST_DOWN, OF_A_LEADER, OF_A_NODE, SAFE, STAYS
from firedrill.experiments.model import HIT, Bound, Expect, ExpectAlert, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilAfterFault, UntilSteady, Wait
from firedrill.faults.cluster.etcd_quorum_loss import EtcdQuorumLoss
from firedrill.faults.power.power_cut import PowerCut

ONE = Experiment(
    name="etcd_one_down",
    title="One etcd member of three, its leader, loses power",
    question="Does losing an etcd member affect the database?",
    hypothesis="The other two elect a leader within seconds, well before retry_timeout; users notice nothing.",
    steps=(Wait(8), Inject(PowerCut(), "etcd_leader"), Wait(12), Heal(), UntilSteady(within_s=60), Wait(2)),
    expectations=(
        Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)),
        Expect("users see no error", "user_errors", "==", 0),
        STAYS,
        *SAFE,
    ),
    alerts=(HOST_DOWN, *OF_A_NODE),
    cost_s=50,
    needs=Needs(coordinators=3, power=("power_on", "power_off")),
)

# A primary that renewed its lease just before the quorum was lost keeps trying for loop_wait + 2 retry_timeout, most
# of a usual ttl. With a longer ttl there is a moment when it must have stopped while its lease is still valid.
_TRIES = {"retry_timeout": 2, "loop_wait": 1}
STOPPED = Bound(2, **_TRIES)
HEALED = UntilAfterFault(Bound(6, **_TRIES))
TTL = Bound(22, **_TRIES)
LIMIT_S = 180  # later than that moment with slow timings, too
# Healing waits for the alerts at most until 30 s after the fault, long before TTL.
_ALERTS = (ExpectAlert("EtcdMemberDown", within_s=30, host=HIT), *OF_A_LEADER)

TWO = Experiment(
    name="etcd_two_down",
    title="etcd loses its majority, without failsafe mode",
    question="How long does the primary go on without a quorum, and how soon do writes return once the quorum does?",
    hypothesis=(
        "The primary cannot renew its lease and demotes itself to read-only, so that there are never two primaries: "
        "usually after retry_timeout and a loop_wait, or another retry_timeout later if it had just renewed. When the "
        "quorum returns within ttl (longer in this drill), the same node leads again within seconds."
    ),
    settings={"failsafe_mode": False, "ttl": TTL},
    steps=(
        Wait(8),
        Inject(EtcdQuorumLoss("freeze"), "etcd:majority", limit_s=LIMIT_S, allow_quorum_loss=True),
        HEALED,
        Heal(),
        UntilSteady(within_s=90),
        Wait(3),
    ),
    expectations=(
        Expect(
            f"writes stop within {STOPPED}",
            "down_after_ms",
            "<=",
            STOPPED,
        ),
        Expect("the primary stops while it cannot renew its lease", "rto_ms", ">=", Bound(seconds=2)),
        Expect("writes are back within 10 s of healing", "back_after_heal_ms", "<=", Bound(seconds=10)),
        Expect("reads go on", "during.read_ratio", ">=", 0.9),
        Expect("the same node leads again", "leader_after", "==", "leader_before"),
        *SAFE,
    ),
    alerts=_ALERTS,
    cost_s=70,
    needs=Needs(coordinators=3),
)

TWO_FAILSAFE = Experiment(
    name="etcd_two_down_failsafe",
    title="etcd loses its majority, with failsafe mode",
    question="Does failsafe mode keep the primary writable without a quorum?",
    hypothesis="The primary asks all members instead of etcd, they answer, and it stays primary; users notice nothing.",
    settings={"failsafe_mode": True, "ttl": TTL},
    steps=TWO.steps,
    expectations=(
        Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)),
        Expect("95 % of the writes go on", "during.write_ratio", ">=", 0.95),
        STAYS,
        *SAFE,
    ),
    alerts=_ALERTS,
    cost_s=65,
    needs=Needs(coordinators=3),
)

ALL = Experiment(
    name="etcd_all_down",
    title="All etcd members hang, with failsafe mode",
    question="Can the database run without etcd for a while?",
    hypothesis="As without a majority: all members answer the primary, and it goes on until etcd is back.",
    settings={"failsafe_mode": True, "ttl": TTL},
    steps=(
        Wait(8),
        Inject(EtcdQuorumLoss("freeze"), "group:etcd", limit_s=LIMIT_S, max_hosts=7, allow_quorum_loss=True),
        HEALED,
        Heal(),
        UntilSteady(within_s=90),
        Wait(3),
    ),
    expectations=TWO_FAILSAFE.expectations,
    alerts=_ALERTS,
    cost_s=65,
    needs=Needs(coordinators=3),
)

EXPERIMENTS = (ONE, TWO, TWO_FAILSAFE, ALL)
