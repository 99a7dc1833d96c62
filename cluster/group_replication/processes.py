"""The processes of a group's hosts: units, how their process ids are found, log files, packages."""

from firedrill.cluster import units
from firedrill.inventories.read import Host

SERVICES = {"mysqld": ("mysql", "firedrill_group"), "proxy": ("haproxy", "keepalived"), "app": ("app",)}
PACKAGES = ("mysql-server",)
LOGS = ["/var/log/mysql/*.log"]


def unit(process: str, host: Host) -> str:
    """The unit that runs a process."""
    return units.unit_name(process, host)


def main_process(process: str, host: Host) -> str:
    """Shell text that prints the id of the main process."""
    return units.main_process(unit(process, host))


def all_processes(process: str, host: Host) -> str:
    """Shell text that prints the ids of all processes."""
    return units.all_processes(unit(process, host))


def log_files(host: Host) -> list[str]:
    """MySQL's error log; everything else logs to the journal."""
    return LOGS if "mysqld" in host.roles else []
