"""A node rejoins after a long isolation: through its slot, by pg_rewind, by a new base copy."""

from firedrill.experiments.drills.common import (
    FAILOVER,
    HOST_DOWN,
    OF_A_LEADER,
    OF_A_NODE,
    SAFE,
    STAYS,
    TTL_AND_ELECTION,
    may,
)
from firedrill.experiments.model import EVENT_LOG, EVENTS, Bound, Expect, Experiment, Load, Needs
from firedrill.experiments.steps import (
    Heal,
    Inject,
    Reinitialize,
    UntilCaughtUp,
    UntilSteady,
    UntilWrites,
    Wait,
    WriteLog,
)
from firedrill.faults.network.partition import Partition
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.process.stop_service import StopService

_MIB = 192  # more than wal_keep_size
# WAL is removed at checkpoints, which these settings make frequent.
_KEEP_LITTLE = {
    "max_slot_wal_keep_size": "32MB",
    "wal_keep_size": "16MB",
    "min_wal_size": "32MB",
    "max_wal_size": "64MB",
    "checkpoint_completion_target": "0.1",
}
_LOG = Load(file=EVENT_LOG, rates=EVENTS)
_REJOINS = Expect("it catches up within 60 s", "caught_up_ms", "<=", Bound(seconds=60))


def _by(how: str) -> Expect:
    return Expect(f"it needed {how}", "caught_up_by", "==", how)


_UNNOTICED = Expect("commits wait for 5 s and a loop_wait at most", "rto_ms", "<=", Bound(loop_wait=1, seconds=6))

SLOT = Experiment(
    name="long_isolation_slot",
    title="A standby is isolated while much WAL is written, and its slot retains it",
    question="What does a standby need to rejoin after hours?",
    hypothesis="Its replication slot on the leader retained all WAL: it resumes streaming without help.",
    steps=(
        Wait(5),
        Inject(Partition(), "initial_replica:1", limit_s=120),
        WriteLog(mib=_MIB),
        Wait(4),
        Heal(),
        UntilCaughtUp("initial_replica:1", within_s=60),
        UntilSteady(within_s=60),
        Wait(2),
    ),
    expectations=(_REJOINS, _by("its WAL alone"), _UNNOTICED, STAYS, *SAFE),
    alerts=(*may("HostDown", "TcpRetransmits"), *OF_A_NODE),
    cost_s=60,
    load=_LOG,
    needs=Needs(databases=3),
    not_on={"group_replication": "it is about WAL and slots: see long_absence_binlog"},
)

REWIND = Experiment(
    name="long_isolation_rewind",
    title="A leader returns after its successor has written much",
    question="Does an old leader rejoin without help after the timeline has moved on?",
    hypothesis=(
        "If it has WAL that the new timeline lacks, Patroni runs pg_rewind; otherwise it just follows. Either way it "
        "streams again without help."
    ),
    steps=(
        Wait(5),
        Inject(PowerCut(), "leader", limit_s=150),
        UntilWrites(within_s=60),
        WriteLog(mib=_MIB),
        Heal(),
        UntilCaughtUp("initial_leader", within_s=60),
        UntilSteady(within_s=60),
        Wait(2),
    ),
    expectations=(
        _REJOINS,
        Expect("it needed no new base copy", "caught_up_by", "!=", "a new base copy"),
        Expect("writes return within ttl + 4 s", "rto_ms", "<=", Bound(ttl=1, seconds=4), TTL_AND_ELECTION),
        *SAFE,
    ),
    alerts=(HOST_DOWN, FAILOVER, *OF_A_LEADER),
    cost_s=75,
    load=_LOG,
    needs=Needs(power=("power_on", "power_off")),
    not_on={"group_replication": "it is about pg_rewind: see long_absence_binlog"},
)

COPY = Experiment(
    name="long_isolation_copy",
    title="A standby is isolated for longer than its WAL is retained",
    question="What does a standby need when the WAL that it lacks has been removed?",
    hypothesis=(
        "Its slot is invalidated, so that the leader's disk does not fill up. It can no longer stream; an operator has "
        "to reinitialize it from a base copy, which takes seconds here and hours elsewhere."
    ),
    settings={"postgresql": {"parameters": _KEEP_LITTLE}},
    steps=(
        Wait(5),
        Inject(StopService("patroni"), "initial_replica:1", limit_s=120),
        WriteLog(mib=_MIB // 2),
        Wait(3),
        WriteLog(mib=_MIB // 2),
        Wait(3),
        Heal(),
        UntilCaughtUp("initial_replica:1", within_s=10),
        Reinitialize("initial_replica:1"),
        UntilCaughtUp("initial_replica:1", within_s=60),
        UntilSteady(within_s=60),
        Wait(2),
    ),
    expectations=(_REJOINS, _by("a new base copy"), _UNNOTICED, STAYS, *SAFE),
    alerts=(*may("DiskFilling"), *OF_A_NODE),
    cost_s=75,
    load=_LOG,
    needs=Needs(databases=3),
)

EXPERIMENTS = (SLOT, REWIND, COPY)
