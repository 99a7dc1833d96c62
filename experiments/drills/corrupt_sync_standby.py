"""Half of what a synchronous standby sends to its leader arrives corrupted: commits crawl, and nothing is dead."""

from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.network.corrupt import Corrupt

EXPERIMENT = Experiment(
    name="corrupt_sync_standby",
    title="A synchronous standby's packets to its leader are corrupted",
    question="What do users feel when half of a standby's confirmations arrive as rubbish?",
    hypothesis=(
        "TCP drops what fails its checksum and sends it again, later each time. Commits wait for the confirmation, so "
        "writes slow down, the worst by seconds; when the leader hears nothing for wal_sender_timeout it drops the "
        "standby and goes on without. Reads notice nothing, nobody fails over, and no acknowledged write is lost."
    ),
    steps=(
        Wait(10),
        Inject(Corrupt(percent=50, peers="leader"), "sync_standby"),
        Wait(25),
        Heal(),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("the leader got segments with wrong checksums", "tcp.checksum_errors_during", ">=", 10),
        Expect("TCP sent again what was dropped", "tcp.retransmits_during", ">=", 10),
        # 5 s, wal_sender_timeout, twice, should the first new connection's first word be lost too; then Patroni looks.
        Expect("commits wait for two connections and a loop_wait", "rto_ms", "<=", Bound(loop_wait=1, seconds=12)),
        Expect("some writes go on", "during.write_ratio", ">=", 0.1),
        Expect("reads keep their rate", "during.read_ratio", ">=", 0.9),
        Expect("reads notice nothing", "read_outage_ms", "<=", Bound(seconds=3)),
        Expect("the leader stays", "leader_after", "==", "leader_before"),
        Expect("no acknowledged write is lost", "lost", "==", 0),
        Expect("never two primaries", "dual_primary_ms", "==", 0),
        Expect("the cluster is whole again", "steady_after", "is", True),
    ),
    cost_s=55,
    observers=("tcp",),
    needs=Needs(kernel=("netem", "classful")),
)
