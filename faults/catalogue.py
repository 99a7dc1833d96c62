"""Every fault there is: one explicit table."""

from faults.clock_drift import ClockDrift
from faults.clock_jump import ClockJump
from faults.command import Command
from faults.corrupt import Corrupt
from faults.cpu import Cpu
from faults.crash_loop import CrashLoop
from faults.delay import Delay
from faults.disk_full import DiskFull
from faults.disk_io import DiskIo
from faults.dns import Dns
from faults.drop import Drop
from faults.duplicate import Duplicate
from faults.etcd_quorum_loss import EtcdQuorumLoss
from faults.fd_exhaust import FdExhaust
from faults.freeze import Freeze
from faults.kill import Kill
from faults.loss import Loss
from faults.memory import Memory
from faults.partition import Partition
from faults.pause import Pause
from faults.power_cut import PowerCut
from faults.poweroff import Poweroff
from faults.rate import Rate
from faults.reboot import Reboot
from faults.reject import Reject
from faults.reorder import Reorder
from faults.replication_break import ReplicationBreak
from faults.stop_service import StopService

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
