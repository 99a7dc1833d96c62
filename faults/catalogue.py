"""Every fault of this package: one explicit table. lookup.py adds those of installed packages and of files."""

from firedrill.faults.clock.clock_drift import ClockDrift
from firedrill.faults.clock.clock_jump import ClockJump
from firedrill.faults.cluster.etcd_quorum_loss import EtcdQuorumLoss
from firedrill.faults.cluster.replication_break import ReplicationBreak
from firedrill.faults.cluster.switchover import Switchover
from firedrill.faults.command import Command
from firedrill.faults.network.corrupt import Corrupt
from firedrill.faults.network.delay import Delay
from firedrill.faults.network.dns import Dns
from firedrill.faults.network.drop import Drop
from firedrill.faults.network.duplicate import Duplicate
from firedrill.faults.network.loss import Loss
from firedrill.faults.network.partition import Partition
from firedrill.faults.network.rate import Rate
from firedrill.faults.network.reject import Reject
from firedrill.faults.network.reorder import Reorder
from firedrill.faults.power.pause import Pause
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.power.poweroff import Poweroff
from firedrill.faults.power.reboot import Reboot
from firedrill.faults.process.crash_loop import CrashLoop
from firedrill.faults.process.freeze import Freeze
from firedrill.faults.process.freeze_loop import FreezeLoop
from firedrill.faults.process.kill import Kill
from firedrill.faults.process.stop_service import StopService
from firedrill.faults.protocol import Fault
from firedrill.faults.resource.cpu import Cpu
from firedrill.faults.resource.disk_full import DiskFull
from firedrill.faults.resource.disk_io import DiskIo
from firedrill.faults.resource.fd_exhaust import FdExhaust
from firedrill.faults.resource.memory import Memory
from firedrill.faults.resource.storage_hang import StorageHang
from firedrill.faults.resource.storage_read_only import StorageReadOnly

Kinds = dict[str, type[Fault]]
POWER: Kinds = {"power_cut": PowerCut, "poweroff": Poweroff, "reboot": Reboot, "pause": Pause}
PROCESSES: Kinds = {
    "kill": Kill,
    "freeze": Freeze,
    "freeze_loop": FreezeLoop,
    "stop_service": StopService,
    "crash_loop": CrashLoop,
}
NETEM: Kinds = {
    "corrupt": Corrupt,
    "loss": Loss,
    "delay": Delay,
    "duplicate": Duplicate,
    "reorder": Reorder,
    "rate": Rate,
}
FIREWALL: Kinds = {"partition": Partition, "drop": Drop, "reject": Reject, "dns": Dns}
RESOURCES: Kinds = {
    "cpu": Cpu,
    "memory": Memory,
    "disk_io": DiskIo,
    "disk_full": DiskFull,
    "storage_hang": StorageHang,
    "storage_read_only": StorageReadOnly,
    "fd_exhaust": FdExhaust,
}
TIME: Kinds = {"clock_jump": ClockJump, "clock_drift": ClockDrift}
CLUSTER: Kinds = {"etcd_quorum_loss": EtcdQuorumLoss, "replication_break": ReplicationBreak, "switchover": Switchover}
FAULTS: Kinds = {**POWER, **PROCESSES, **NETEM, **FIREWALL, **RESOURCES, **TIME, **CLUSTER, "command": Command}
