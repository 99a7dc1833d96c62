"""Load by a program of ours in a transient unit on the host, which has its own time limit as well."""

from importlib.resources import files
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, undo, unit
from firedrill.faults.by_backend import ByBackend
from firedrill.faults.protocol import NotEffective, Target

BACKEND = "own"


class Load(ByBackend):
    """A fault that runs one of faults/programs. It has to give `program` and `arguments`."""

    kind: ClassVar[str] = "resources"
    touches: ClassVar[tuple[str, ...]] = ()  # its own unit, which the undo proves to be gone
    default_limit_s: ClassVar[float] = 60
    program: ClassVar[str]

    def arguments(self, target: Target) -> str:
        raise NotImplementedError

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "python3")
        super().refuse_host(target)

    def own_files(self, target: Target) -> dict[str, str]:
        return {"py": files("firedrill.faults.programs").joinpath(f"{self.program}.py").read_text()}

    def own_inject(self, target: Target) -> str:
        return (
            f"systemd-run --quiet --collect --unit={unit.name(target)} --property=RuntimeMaxSec={target.limit_s:g} "
            f"python3 {undo.file(target, 'py')} {self.arguments(target)}"
        )

    def own_undo(self, target: Target) -> str:
        return unit.stop_text(target)

    def own_lasts(self, target: Target) -> str:
        """Its processes run: the OOM killer, or somebody, may have ended them."""
        pids = ssh.sh(target.ssh, unit.pids_text(target), check=False).split()
        if not pids:
            raise NotEffective(f"{target.host.name}: no process of it runs any more", "did the OOM killer end it?")
        return f"{target.host.name}: {len(pids)} processes of it run"

    def own_status(self, target: Target) -> str:
        pids = ssh.sh(target.ssh, unit.pids_text(target), check=False).split()
        return f"{len(pids)} processes run" if pids else "no process of it"
