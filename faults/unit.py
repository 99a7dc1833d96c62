"""The transient unit on a host in which the processes of an injection run."""

from firedrill.faults import undo
from firedrill.faults.protocol import Target


def name(target: Target) -> str:
    return f"{undo.unit(target)}-load.service"


def _group(target: Target) -> str:
    return f"/sys/fs/cgroup/system.slice/{name(target)}"


def pids_text(target: Target) -> str:
    """The shell text that prints the ids of its processes; nothing where there are none."""
    return f"cat {_group(target)}/cgroup.procs 2>/dev/null"


def stop_text(target: Target) -> str:
    """The shell text that ends all its processes, and succeeds when none is left."""
    return f'systemctl stop {name(target)} 2>/dev/null\n[ -z "$({pids_text(target)})" ]'


def each_process(target: Target, text: str) -> str:
    """The shell text that runs `text` with `$pid` for each of its processes."""
    return f"for pid in $({pids_text(target)}); do {text}; done"
