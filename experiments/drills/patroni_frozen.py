"""The leader's Patroni hangs while its PostgreSQL runs on: what a watchdog is for."""

from firedrill.experiments.drills.common import FAILOVER, OF_A_LEADER, may
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.process.freeze import Freeze

EXPERIMENT = Experiment(
    name="patroni_frozen",
    title="The leader's Patroni hangs",
    question="Does a primary whose agent hangs accept writes in addition to its successor?",
    hypothesis=(
        "The leader key expires within ttl, and a sync standby takes over. Without a watchdog the old primary runs on, "
        "writable, but acknowledges nothing, because no standby confirms its commits. With a watchdog its host is "
        "reset ttl - 5 s after Patroni's last heartbeat, before another node may lead. No acknowledged write is lost, "
        "two nodes never acknowledge writes simultaneously, and the old leader rejoins."
    ),
    steps=(
        Wait(8, jitter="loop_wait"),
        Inject(Freeze(process="patroni"), "leader"),
        # Writes go on until proxies and clients notice.
        Wait(12),
        UntilWrites(within_s=60),
        Wait(10),
        Heal(),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4)),
        Expect("another node leads", "leader_after", "!=", "leader_before"),
        Expect("if a watchdog is required, the host is reset before another node leads", "tcp.unfenced", "==", 0),
        Expect("no acknowledged write is lost", "lost", "==", 0),
        Expect("never two primaries", "dual_primary_ms", "==", 0),
        Expect("the cluster is healthy again", "steady_after", "is", True),
    ),
    alerts=(FAILOVER, *may("HostDown"), *OF_A_LEADER),
    cost_s=60,
    observers=("tcp",),
)
