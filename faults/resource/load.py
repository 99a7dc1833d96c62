"""Load made by a program of ours in a transient unit on the host, which ends by its own limit too."""

from importlib.resources import files
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, chaosblade, undo
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import Target

BACKEND = "own"


class Load(OnHost):
    """A fault that is one of faults/programs at work. It has to say `program` and `arguments`.

    Where it says `blade` too it has an option `backend`, and can be done by chaosblade.
    """

    kind: ClassVar[str] = "resources"
    default_limit_s: ClassVar[float] = 60
    program: ClassVar[str]
    backend = BACKEND

    def arguments(self, target: Target) -> str:
        raise NotImplementedError

    def blade(self, target: Target) -> str:
        """What chaosblade is told. Raises Refused for what it cannot."""
        raise NotImplementedError

    @property
    def by_blade(self) -> bool:
        return self.backend == chaosblade.NAME

    def check(self) -> None:
        chaosblade.check(self.backend, BACKEND)

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "python3")
        if self.by_blade:
            chaosblade.need(target, self.blade(target))

    def files(self, target: Target) -> dict[str, str]:
        if self.by_blade:
            return {}
        return {"py": files("firedrill.faults.programs").joinpath(f"{self.program}.py").read_text()}

    def inject_text(self, target: Target) -> str:
        if self.by_blade:
            return chaosblade.in_unit_text(target, unit(target), self.blade(target))
        return (
            f"systemd-run --quiet --collect --unit={unit(target)} --property=RuntimeMaxSec={target.limit_s:g} "
            f"python3 {undo.file(target, 'py')} {self.arguments(target)}"
        )

    def undo_text(self, target: Target) -> str:
        first = chaosblade.destroy_text(target) + "\n" if self.by_blade else ""
        return first + stop_text(target)

    def status(self, target: Target) -> str:
        pids = ssh.sh(target.ssh, f"cat {_group(target)}/cgroup.procs 2>/dev/null", check=False).split()
        return f"{len(pids)} processes at work" if pids else "no process of it"


def unit(target: Target) -> str:
    return f"{undo.unit(target)}-load.service"


def stop_text(target: Target) -> str:
    """The shell text that ends all processes of the load, and succeeds when none is left."""
    return f'systemctl stop {unit(target)} 2>/dev/null\n[ -z "$(cat {_group(target)}/cgroup.procs 2>/dev/null)" ]'


def _group(target: Target) -> str:
    return f"/sys/fs/cgroup/system.slice/{unit(target)}"


def each_process(target: Target, text: str) -> str:
    """The shell text that runs `text` with `$pid` for each process of the load."""
    return f"for pid in $(cat {_group(target)}/cgroup.procs); do {text}; done"
