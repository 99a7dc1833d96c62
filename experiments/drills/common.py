"""What drills share: the expectations of every drill, and the usual steps."""

from firedrill.experiments.model import HIT, Bound, Expect, ExpectAlert, Step
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait

SAFE = (
    Expect("no acknowledged write is lost", "lost", "==", 0),
    Expect("never two primaries", "dual_primary_ms", "==", 0),
    Expect("no timeline forks", "diverged", "==", 0),
    Expect("the cluster is healthy again", "steady_after", "is", True),
)
# Of a drill that may move the floating address; its inventory needs one.
ONE_HOLDER = Expect("never two holders of the floating address", "dual_holder_ms", "==", 0)
# Of Bound(ttl=1, seconds=4), where the host also led the coordinator: see cluster/patroni/timing.py.
TTL_AND_ELECTION = Bound(ttl=1, election=3, seconds=3)
# With a fence: its probes without an answer, and then votes, refusal, promotion and proxies.
FENCED_S = Bound(fence_silence=1, seconds=4)
FENCED = Expect("writes return within 4 s of the fence's last probe", "rto_ms", "<=", FENCED_S)
FENCED_LOAD = Expect(
    "95 % of the load is back within 10 s of the fence's last probe", "phases.recover95_ms", "<=",
    Bound(fence_silence=1, seconds=10),
)  # fmt: skip
STAYS = Expect("the leader stays", "leader_changes", "==", 0)

# Alerts: metrics are collected and rules evaluated every 5 s, and a condition must hold for 5 s.
HOST_DOWN = ExpectAlert("HostDown", within_s=30, host=HIT)
# The new leader's timeline; once it has been seen, it is reported for two minutes, so no healing needs to wait for it.
FAILOVER = ExpectAlert("FailoverHappened", within_s=Bound(35, ttl=1), hold=False)


def may(*names: str) -> tuple[ExpectAlert, ...]:
    """Alerts that the drill may raise, depending on the cluster and on chance."""
    return tuple(ExpectAlert(name, optional=True) for name in names)


# What a lost node may raise in addition: of its services, of those that wait for it, of users.
OF_A_NODE = may("SyncStandbyMissing", "ReplicaNotStreaming", "ReplicationLag", "EtcdMemberDown", "EtcdQuorumAtRisk",
                "ScrapeDown", "UserErrors", "UserLatency")  # fmt: skip
OF_A_LEADER = (*may("NoLeader", "TimelineMismatch"), *OF_A_NODE)


def until_back(
    injection: Inject, *, jitter: str | None = None, writes_s: float = 60, then_s: float = 6, steady_s: float = 90
) -> tuple[Step, ...]:
    """A baseline, the injection, writes back within `writes_s`, the load recovering for `then_s`, healing, steady."""
    return (
        Wait(8, jitter),
        injection,
        UntilWrites(writes_s),
        Wait(then_s),
        Heal(),
        UntilSteady(steady_s),
        Wait(2),
    )
