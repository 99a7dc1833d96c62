"""Load made by a program of ours in a transient unit on the host, which ends by its own limit too."""

from importlib.resources import files
from typing import ClassVar

from faults import capability, remote, undo
from faults.on_host import OnHost
from faults.protocol import Target


class Load(OnHost):
    """A fault that is one of faults/programs at work. It has to say `program` and `arguments`."""

    kind: ClassVar[str] = "resources"
    default_limit_s: ClassVar[float] = 60
    program: ClassVar[str]

    def arguments(self, target: Target) -> str:
        raise NotImplementedError

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "python3")

    def files(self, target: Target) -> dict[str, str]:
        return {"py": files("faults.programs").joinpath(f"{self.program}.py").read_text()}

    def harm_text(self, target: Target) -> str:
        return (
            f"systemd-run --quiet --collect --unit={unit(target)} --property=RuntimeMaxSec={target.limit_s:g} "
            f"python3 {undo.file(target, 'py')} {self.arguments(target)}"
        )

    def undo_text(self, target: Target) -> str:
        return f'systemctl stop {unit(target)} 2>/dev/null\n[ -z "$(cat {_group(target)}/cgroup.procs 2>/dev/null)" ]'

    def status(self, target: Target) -> str:
        pids = remote.sh(target.ssh, f"cat {_group(target)}/cgroup.procs 2>/dev/null", check=False).split()
        return f"{len(pids)} processes at work" if pids else "no process of it"


def unit(target: Target) -> str:
    return f"{undo.unit(target)}-load.service"


def _group(target: Target) -> str:
    return f"/sys/fs/cgroup/system.slice/{unit(target)}"


def each_process(target: Target, text: str) -> str:
    """The shell text that runs `text` with `$pid` for each process of the load."""
    return f"for pid in $(cat {_group(target)}/cgroup.procs); do {text}; done"
