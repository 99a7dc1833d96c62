"""The disks of all etcd members are busy, so that etcd's writes are slow."""

from firedrill.experiments.drills.common import SAFE, STAYS, may
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.resource.disk_io import DiskIo

EXPERIMENT = Experiment(
    name="etcd_slow_disk",
    title="etcd's disks are busy",
    question="Does a slow disk under etcd cause a failover of the database?",
    hypothesis="etcd's writes take longer and elections may follow, but all answers come within retry_timeout.",
    steps=(
        Wait(8),
        Inject(DiskIo(path="/var/lib/etcd", workers=2, mib=32), "group:etcd", max_hosts=9, allow_quorum_loss=True),
        Wait(15),
        Heal(),
        UntilSteady(within_s=60),
        Wait(2),
    ),
    expectations=(
        Expect("writes go on", "rto_ms", "<=", Bound(seconds=2)),
        STAYS,
        *SAFE,
    ),
    alerts=may("EtcdFsyncSlow", "EtcdMemberDown", "UserLatency"),
    cost_s=50,
    needs=Needs(coordinators=3),
)
