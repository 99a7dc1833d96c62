"""systemd units of an inventory's hosts, and shell text that finds their processes."""

from firedrill.inventories.read import Host

# A dot alone is no suffix: `patroni@pg.prod` is a service. Slices and scopes have processes, too.
SUFFIXES = (".service", ".socket", ".target", ".timer", ".mount", ".slice", ".scope", ".path", ".device", ".swap",
            ".automount")  # fmt: skip


def unit_name(key: str, host: Host) -> str:
    """The unit that the inventory's `units` has for a key; any other key is a unit's name itself."""
    name = host.data["units"].get(key, key)
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def main_process(unit: str) -> str:
    """Shell text that prints the id of a unit's main process."""
    return f"systemctl show -P MainPID {unit}"


def all_processes(unit: str) -> str:
    """Shell text that prints the ids of all processes in a unit's cgroup."""
    return (
        f"find /sys/fs/cgroup$(systemctl show -P ControlGroup {unit}) -name cgroup.procs -exec cat {{}} + 2>/dev/null"
    )
