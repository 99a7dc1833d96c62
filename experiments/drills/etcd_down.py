"""etcd loses one member, its majority, or all: what Patroni may still decide."""

from dataclasses import replace

from firedrill.experiments.drills.common import SAFE, STAYS
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilAfterFault, UntilSteady, Wait
from firedrill.faults.cluster.etcd_quorum_loss import EtcdQuorumLoss
from firedrill.faults.power.power_cut import PowerCut

ONE = Experiment(
    name="etcd_one_down",
    title="One etcd member of three, its leader, loses its power",
    question="Does the database feel the loss of a member of etcd?",
    hypothesis="The other two elect a leader within a second or two, long before retry_timeout; nobody notices.",
    steps=(Wait(8), Inject(PowerCut(), "etcd_leader"), Wait(12), Heal(), UntilSteady(within_s=60), Wait(2)),
    expectations=(
        Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)),
        Expect("users see no error", "user_errors", "==", 0),
        STAYS,
        *SAFE,
    ),
    cost_s=50,
    needs=Needs(etcd=3, power=("power_on", "power_off")),
)

# A primary that has just renewed its lease when the quorum goes tries for a loop_wait and twice the retry_timeout: most
# of a usual ttl. With a longer one there is a moment when it must have stopped, and its lease still lives.
STOPPED = Bound(retry_timeout=2, loop_wait=1, seconds=2)
HEALED = UntilAfterFault(replace(STOPPED, seconds=6))
TTL = replace(STOPPED, seconds=22)
LIMIT_S = 180  # beyond that moment on slow timings, too

TWO = Experiment(
    name="etcd_two_down",
    title="etcd loses its majority, without failsafe mode",
    question="How long does the primary go on without a quorum, and when is it back after the quorum is?",
    hypothesis=(
        "The primary cannot renew its lease, and demotes itself, read-only, lest another lead beside it: as a rule "
        "after retry_timeout and a loop_wait, after another retry_timeout where it had just renewed. When the quorum "
        "is back within ttl, a longer one here, the same node leads again within seconds."
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
        Expect("the primary stops while nobody can say that it leads", "rto_ms", ">=", Bound(seconds=2)),
        Expect("writes are back within 10 s of healing", "back_after_heal_ms", "<=", Bound(seconds=10)),
        Expect("reads go on", "during.read_ratio", ">=", 0.9),
        Expect("the same node leads again", "leader_after", "==", "leader_before"),
        *SAFE,
    ),
    cost_s=70,
    needs=Needs(etcd=3),
)

TWO_FAILSAFE = Experiment(
    name="etcd_two_down_failsafe",
    title="etcd loses its majority, with failsafe mode",
    question="Does failsafe mode keep the primary writable while nothing can be decided?",
    hypothesis="The primary asks all members instead of etcd, they all answer, and it goes on; nobody notices.",
    settings={"failsafe_mode": True, "ttl": TTL},
    steps=TWO.steps,
    expectations=(
        Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)),
        Expect("95 % of the writes go on", "during.write_ratio", ">=", 0.95),
        STAYS,
        *SAFE,
    ),
    cost_s=65,
    needs=Needs(etcd=3),
)

ALL = Experiment(
    name="etcd_all_down",
    title="All of etcd falls silent, with failsafe mode",
    question="Can the database do without etcd altogether for a while?",
    hypothesis="As without a majority: the primary hears from all members and goes on, until etcd is back.",
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
    cost_s=65,
    needs=Needs(etcd=3),
)

EXPERIMENTS = (ONE, TWO, TWO_FAILSAFE, ALL)
