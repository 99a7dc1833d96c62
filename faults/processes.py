"""What a role's process is called on a host: the unit that runs it, and how its processes are found."""

from firedrill.cluster import ssh
from firedrill.cluster.systems import system_of
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.read import Host

# Without these nobody gets in any more, to heal it or to look.
NEVER = ("ssh", "sshd", "systemd-networkd", "networking", "NetworkManager", "dbus", "systemd-logind", "init")


def unit(process: str, host: Host) -> str:
    """The systemd unit that runs a process of the host's system; any other name is a unit's name itself."""
    return system_of(host).unit(process, host)


def find(process: str, host: Host) -> str:
    """Shell text that prints the id of the main process."""
    return system_of(host).main_process(process, host)


def find_all(process: str, host: Host) -> str:
    """Shell text that prints the ids of all its processes."""
    return system_of(host).all_processes(process, host)


def refuse_vital(process: str) -> None:
    """Raises Refused for what the way in depends on."""
    if process.removesuffix(".service").removesuffix(".socket") in NEVER:
        raise Refused(f"{process} is what the way in depends on", "take another process")


def pid(target: Target, process: str) -> int:
    """The main process, 0 where there is none."""
    return int(ssh.sh(target.ssh, find(process, target.host), check=False) or 0)


def began(target: Target, number: int) -> str | None:
    """The start time of a living process, in the kernel's ticks; a zombie is not one."""
    stat = ssh.sh(target.ssh, f"cat /proc/{number}/stat 2>/dev/null", check=False)
    fields = stat.rsplit(")", 1)[-1].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def running(target: Target, process: str) -> bool:
    number = pid(target, process)
    return bool(number) and began(target, number) is not None


def refuse_absent(target: Target, process: str) -> None:
    """Raises Refused where the host does not run it."""
    if not running(target, process):
        raise Refused(f"{target.host.name} runs no {process}", f"it has {', '.join(target.host.roles)}")
