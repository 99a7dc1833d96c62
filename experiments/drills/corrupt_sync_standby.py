"""Half of the packets from a sync standby to its leader are corrupted: commits slow down, and nothing is down."""

from firedrill.experiments.drills.common import OF_A_NODE, may
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.network.corrupt import Corrupt

EXPERIMENT = Experiment(
    name="corrupt_sync_standby",
    title="A sync standby's packets to its leader are corrupted",
    question="What do users notice when half of a standby's confirmations arrive corrupted?",
    hypothesis=(
        "TCP drops segments with a wrong checksum and retransmits them, later each time. Commits wait for the "
        "confirmation, so writes slow down, the worst by seconds; after wal_sender_timeout without a reply the leader "
        "drops the standby and goes on without it. Reads are not affected, there is no failover, and no acknowledged "
        "write is lost."
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
        Expect("the leader received segments with wrong checksums", "tcp.checksum_errors_during", ">=", 10),
        Expect("TCP retransmitted them", "tcp.retransmits_during", ">=", 10),
        # wal_sender_timeout (5 s) twice, in case the first message of the new connection is lost too; then a loop_wait.
        Expect("commits wait for two connections and a loop_wait", "rto_ms", "<=", Bound(loop_wait=1, seconds=12)),
        Expect("some writes go on", "during.write_ratio", ">=", 0.1),
        Expect("reads keep their rate", "during.read_ratio", ">=", 0.9),
        Expect("reads go on", "read_outage_ms", "<=", Bound(seconds=3)),
        Expect("the leader stays", "leader_after", "==", "leader_before"),
        Expect("no acknowledged write is lost", "lost", "==", 0),
        Expect("never two primaries", "dual_primary_ms", "==", 0),
        Expect("the cluster is healthy again", "steady_after", "is", True),
    ),
    alerts=(*may("TcpRetransmits", "HostDown"), *OF_A_NODE),
    cost_s=55,
    observers=("tcp",),
    needs=Needs(kernel=("netem", "classful")),
    not_on={"group_replication": "it is about wal_sender_timeout: commits do not wait for a single secondary"},
)
