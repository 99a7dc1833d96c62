"""Every fault there is: one explicit table."""

from faults.command import Command
from faults.cpu import Cpu
from faults.disk_full import DiskFull
from faults.disk_io import DiskIo
from faults.dns import Dns
from faults.drop import Drop
from faults.etcd_quorum_loss import EtcdQuorumLoss
from faults.freeze import Freeze
from faults.kill import Kill
from faults.loss import Loss
from faults.memory import Memory
from faults.partition import Partition
from faults.pause import Pause
from faults.power_cut import PowerCut
from faults.poweroff import Poweroff
from faults.reboot import Reboot
from faults.reject import Reject
from faults.stop_service import StopService

POWER = {"power_cut": PowerCut, "poweroff": Poweroff, "reboot": Reboot, "pause": Pause}
PROCESSES = {"kill": Kill, "freeze": Freeze, "stop_service": StopService}
NETWORK = {"partition": Partition, "drop": Drop, "reject": Reject, "dns": Dns, "loss": Loss}
RESOURCES = {"cpu": Cpu, "memory": Memory, "disk_io": DiskIo, "disk_full": DiskFull}
CLUSTER = {"etcd_quorum_loss": EtcdQuorumLoss}
FAULTS = {**POWER, **PROCESSES, **NETWORK, **RESOURCES, **CLUSTER, "command": Command}
