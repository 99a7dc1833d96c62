"""The leader's host runs short of a resource: CPU, disk bandwidth, memory, disk space."""

from firedrill.experiments.drills.common import OF_A_LEADER, OF_A_NODE, SAFE, STAYS, may
from firedrill.experiments.model import Bound, Expect, Experiment
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait, WriteLog
from firedrill.faults.resource.cpu import Cpu
from firedrill.faults.resource.disk_full import DiskFull
from firedrill.faults.resource.disk_io import DiskIo
from firedrill.faults.resource.memory import Memory

_CALM = (
    Expect("90 % of the writes go on", "during.write_ratio", ">=", 0.9),
    Expect("95 % of the reads go on", "during.read_ratio", ">=", 0.95),
    STAYS,
    *SAFE,
)


def _strain(fault) -> tuple:
    return (Wait(8), Inject(fault, "leader"), Wait(15), Heal(), UntilSteady(within_s=60), Wait(2))


CPU = Experiment(
    name="leader_cpu",
    title="The leader's CPUs are busy",
    question="Does a busy CPU cause a needless failover, and how much slower are writes and reads?",
    hypothesis="Patroni needs little CPU and gets it: the leader stays, and commits take a few times as long.",
    steps=_strain(Cpu(percent=80)),
    expectations=_CALM,
    alerts=OF_A_NODE,
    cost_s=45,
)

DISK_IO = Experiment(
    name="leader_disk_io",
    title="The leader's disk is busy",
    question="Does a busy disk cause a needless failover, and how much slower are commits?",
    hypothesis="Each commit waits longer for its flush; the leader stays.",
    steps=_strain(DiskIo(workers=2, mib=32)),
    expectations=_CALM,
    alerts=(*may("EtcdFsyncSlow"), *OF_A_NODE),
    cost_s=45,
)

MEMORY = Experiment(
    name="leader_memory",
    title="The leader's memory is used up by other processes",
    question="Does a memory shortage on the host cause a failover?",
    hypothesis="PostgreSQL's own memory is allocated and small: users notice nothing.",
    steps=_strain(Memory(mib=192)),
    expectations=_CALM,
    alerts=(*may("MemoryPressure"), *OF_A_NODE),
    cost_s=45,
)

DISK_FULL = Experiment(
    name="disk_full",
    title="The leader's disk is full",
    question="What happens to a primary that can no longer write its WAL?",
    hypothesis=(
        "It goes on while it can reuse old segments, then it stops rather than acknowledge what it cannot store; if "
        "primary_start_timeout is 0 a standby leads immediately. Once there is space it rejoins."
    ),
    steps=(
        Wait(8),
        Inject(DiskFull(), "leader"),
        WriteLog(mib=256),
        UntilWrites(within_s=60),
        Wait(6),
        Heal(),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4)),
        Expect("reads go on", "read_outage_ms", "<=", Bound(seconds=3)),
        *SAFE,
    ),
    alerts=(*may("DiskFilling", "FailoverHappened"), *OF_A_LEADER),
    cost_s=60,
)

EXPERIMENTS = (CPU, DISK_IO, MEMORY, DISK_FULL)
