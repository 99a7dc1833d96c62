"""Every fault there is: one explicit table."""

from firedrill.faults.clock_drift import ClockDrift
from firedrill.faults.clock_jump import ClockJump
from firedrill.faults.command import Command
from firedrill.faults.corrupt import Corrupt
from firedrill.faults.cpu import Cpu
from firedrill.faults.crash_loop import CrashLoop
from firedrill.faults.delay import Delay
from firedrill.faults.disk_full import DiskFull
from firedrill.faults.disk_io import DiskIo
from firedrill.faults.dns import Dns
from firedrill.faults.drop import Drop
from firedrill.faults.duplicate import Duplicate
from firedrill.faults.etcd_quorum_loss import EtcdQuorumLoss
from firedrill.faults.fd_exhaust import FdExhaust
from firedrill.faults.freeze import Freeze
from firedrill.faults.kill import Kill
from firedrill.faults.loss import Loss
from firedrill.faults.memory import Memory
from firedrill.faults.partition import Partition
from firedrill.faults.pause import Pause
from firedrill.faults.power_cut import PowerCut
from firedrill.faults.poweroff import Poweroff
from firedrill.faults.rate import Rate
from firedrill.faults.reboot import Reboot
from firedrill.faults.reject import Reject
from firedrill.faults.reorder import Reorder
from firedrill.faults.replication_break import ReplicationBreak
from firedrill.faults.stop_service import StopService

POWER = {"power_cut": PowerCut, "poweroff": Poweroff, "reboot": Reboot, "pause": Pause}
PROCESSES = {"kill": Kill, "freeze": Freeze, "stop_service": StopService, "crash_loop": CrashLoop}
NETEM = {
    "corrupt": Corrupt,
    "loss": Loss,
    "delay": Delay,
    "duplicate": Duplicate,
    "reorder": Reorder,
    "rate": Rate,
}
FIREWALL = {"partition": Partition, "drop": Drop, "reject": Reject, "dns": Dns}
RESOURCES = {"cpu": Cpu, "memory": Memory, "disk_io": DiskIo, "disk_full": DiskFull, "fd_exhaust": FdExhaust}
TIME = {"clock_jump": ClockJump, "clock_drift": ClockDrift}
CLUSTER = {"etcd_quorum_loss": EtcdQuorumLoss, "replication_break": ReplicationBreak}
FAULTS = {**POWER, **PROCESSES, **NETEM, **FIREWALL, **RESOURCES, **TIME, **CLUSTER, "command": Command}
