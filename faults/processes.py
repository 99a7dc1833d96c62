"""What a role's process is called on a host: the unit that runs it, and how its processes are found."""

from firedrill.cluster import ssh
from firedrill.cluster.system import System
from firedrill.cluster.systems import SYSTEMS, system_of
from firedrill.faults import vital
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Host


def check(process: str) -> None:
    """Raises Refused for what can be neither a role's process nor a unit's name."""
    if not vital.NAME.fullmatch(process):
        raise Refused(f"no process {process!r}", "give patroni, postgres, etcd, haproxy, app or a unit's name")


def unit(process: str, host: Host) -> str:
    """The systemd unit that runs a process of the host's system; any other name is a unit's name itself."""
    name = system_of(host).unit(process, host)
    if not vital.NAME.fullmatch(name):
        raise Refused(f"the unit {name!r} of {process} is not a unit name", "correct the inventory's `units`")
    return name


def known(process: str) -> bool:
    """Whether a system runs it as a part of its own: SSH depends on none of these."""
    return any(process in _of_system(system) for system in SYSTEMS.values())


def _of_system(system: System) -> set[str]:
    return {system.database_role} | {name for names in system.services.values() for name in names}


def of_roles(host: Host) -> list[str]:
    """The processes that a host runs by its roles."""
    system = system_of(host)
    database = [system.database_role] if system.database_role in host.roles else []
    return database + [name for role, names in system.services.items() if role in host.roles for name in names]


def find(process: str, host: Host) -> str:
    """Shell text that prints the id of the main process. Raises Refused where its unit's name is not one."""
    unit(process, host)
    return system_of(host).main_process(process, host)


def find_all(process: str, host: Host) -> str:
    """Shell text that prints the ids of all its processes. Raises Refused where its unit's name is not one."""
    unit(process, host)
    return system_of(host).all_processes(process, host)


def refuse_vital(target: Target, process: str) -> None:
    """Raises Refused where SSH, the network or the undo depends on the process."""
    vital.refuse(target, unit(process, target.host))


def pid(target: Target, process: str) -> int:
    """The main process, 0 where there is none."""
    shown = ssh.sh(target.ssh, find(process, target.host), check=False)
    return int(shown) if shown.isascii() and shown.isdigit() else 0


def began(target: Target, number: int) -> str | None:
    """The start time of a living process, in the kernel's ticks; a zombie is not one."""
    stat = ssh.sh(target.ssh, f"cat /proc/{int(number)}/stat 2>/dev/null", check=False)
    fields = stat.rsplit(")", 1)[-1].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else None


def running(target: Target, process: str) -> bool:
    number = pid(target, process)
    return bool(number) and began(target, number) is not None


def refuse_absent(target: Target, process: str) -> None:
    """Raises Refused where the host does not run it, or where it is not known which process it is."""
    if running(target, process):
        return
    if doubt := ssh.sh(target.ssh, f"{{ {find(process, target.host)}\n}} 2>&1 >/dev/null", check=False):
        raise Refused(f"{target.host.name}: {printable(doubt)}", "correct `postgres_data` in the inventory")
    raise Refused(f"{target.host.name} runs no {process}", f"it has {', '.join(target.host.roles)}")
