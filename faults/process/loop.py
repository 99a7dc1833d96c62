"""What faults share that strike a process again and again, from a loop on the host."""

from firedrill.cluster import ssh
from firedrill.faults import undo, unit
from firedrill.faults.process.of_process import OfProcess
from firedrill.faults.protocol import NotEffective, Target

LEAST_S, MOST_S = 0.1, 3600


class Loop(OfProcess):
    """Its loop is the file `sh` of the injection, and runs as a unit of its own until it is healed."""

    def inject_text(self, target: Target) -> str:
        return (
            f"systemd-run --quiet --collect --unit={unit.name(target)} --property=RuntimeMaxSec={target.limit_s:g} "
            f"sh {undo.file(target, 'sh')}"
        )

    def lasts(self, target: Target) -> str:
        if not ssh.sh(target.ssh, unit.pids_text(target), check=False):
            raise NotEffective(f"{target.host.name}: the loop that strikes {self.process} has ended", "")
        return f"{target.host.name}: {self.status(target)}"
