"""The leader's storage hangs, or turns read-only."""

from firedrill.experiments.drills.common import FAILOVER, OF_A_LEADER, SAFE, may, until_back
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilAfterFault, UntilSteady, UntilWrites, Wait
from firedrill.faults.resource.storage_hang import StorageHang
from firedrill.faults.resource.storage_read_only import StorageReadOnly

_NEEDS = Needs(kernel=("own_kernel",), data_mount=True)

HANG = Experiment(
    name="storage_hang",
    title="The leader's storage hangs",
    question="Does a leader whose disk accepts no more writes hand over, or is there no failover?",
    hypothesis=(
        "There is none: Patroni's checks only read, so the leader renews its lease for longer than ttl while every "
        "commit waits. Writes go on when the storage does, and none is lost."
    ),
    steps=(
        Wait(8, jitter="loop_wait"),
        Inject(StorageHang(), "leader", limit_s=180),
        UntilAfterFault(Bound(10, ttl=1)),
        Heal(),
        UntilWrites(within_s=60),
        Wait(6),
        UntilSteady(within_s=90),
        Wait(2),
    ),
    expectations=(
        Expect("writes return within 20 s of the storage", "rto_ms", "<=", Bound(30, ttl=1)),
        *SAFE,
    ),
    alerts=(*may("HostDown"), *OF_A_LEADER),
    cost_s=90,
    needs=_NEEDS,
)

READ_ONLY = Experiment(
    name="storage_read_only",
    title="The leader's file system turns read-only",
    question="What happens to a primary whose file system turns read-only, as ext4 does after an I/O error?",
    hypothesis=(
        "The first commit that cannot be written ends PostgreSQL, which cannot start again. Patroni gives up the lead, "
        "and a standby leads within ttl + 4 s. After a remount the old leader rejoins."
    ),
    steps=until_back(Inject(StorageReadOnly(), "leader", limit_s=180), jitter="loop_wait"),
    expectations=(
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(4, ttl=1)),
        *SAFE,
    ),
    alerts=(FAILOVER, *may("DiskFilling"), *OF_A_LEADER),
    cost_s=80,
    needs=_NEEDS,
)

EXPERIMENTS = (HANG, READ_ONLY)
