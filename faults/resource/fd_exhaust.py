"""A process that can open no more files and accept no more connections; other processes can."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, processes, undo
from firedrill.faults.process.of_process import OfProcess
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target
from firedrill.inventories.printable import printable

# The lowest free descriptor: a limit there leaves none. Sets `pid`, `limit` and `before`.
LOOK = """\
pid=$({find})
limit=0; while [ -e /proc/$pid/fd/$limit ]; do limit=$((limit + 1)); done
before=$(prlimit --pid $pid --nofile --noheadings --raw --output SOFT)
"""


@dataclass(frozen=True)
class FdExhaust(OfProcess):
    """Lower the open-files limit of the main process of `process` to the number that it has open."""

    process: str = "postgres"

    kind: ClassVar[str] = "resources"

    def refuse_process(self, target: Target) -> None:
        capability.need(target, "prlimit")
        super().refuse_process(target)
        if not (figures := self._figures(target)):
            raise Refused(
                f"{target.host.name}: the open-files limit of {self.process} cannot be read ({self._why_not(target)})",
                "prlimit needs CAP_SYS_RESOURCE, which some containers lack",
            )
        used, limit = figures
        if used >= limit:
            raise Refused(
                f"{target.host.name}: {self.process} has {used} files open of {limit} already", "heal it first"
            )

    def inject_text(self, target: Target) -> str:
        look = LOOK.format(find=processes.find(self.process, target.host))
        file = undo.file(target, "limit")
        return (
            f"{look}echo $pid $before $(cut -d' ' -f22 /proc/$pid/stat) > {file}\nprlimit --pid $pid --nofile=$limit:"
        )

    def undo_text(self, target: Target) -> str:
        """Only if it is still the same process."""
        return (
            f"read -r pid before began < {undo.file(target, 'limit')} 2>/dev/null || exit 0\n"
            '[ "$(cut -d\' \' -f22 /proc/$pid/stat 2>/dev/null)" = "$began" ] || exit 0\n'
            "prlimit --pid $pid --nofile=$before: || [ ! -e /proc/$pid ]"
        )

    def prove(self, target: Target) -> str:
        if not (figures := self._figures(target)):
            raise NotEffective(f"{target.host.name}: {self.process} ended, and its limit with it", "")
        used, limit = figures
        if used < limit:
            raise NotEffective(f"{target.host.name}: {self.process} has {used} files open of {limit}", "")
        return f"{target.host.name}: {self.process} has {used} files open and may have {limit}: no more"

    def lasts(self, target: Target) -> str:
        """The process whose limit was lowered still has it; how many files it has open may vary."""
        text = (
            f"read -r pid before began < {undo.file(target, 'limit')} || exit 0\n"
            '[ "$(cut -d\' \' -f22 /proc/$pid/stat 2>/dev/null)" = "$began" ] || exit 0\n'
            "echo $before $(prlimit --pid $pid --nofile --noheadings --raw --output SOFT)"
        )
        shown = ssh.script(target.ssh, text, check=False).split()
        if len(shown) != 2 or shown[0] == shown[1]:
            found = "has its limit back" if shown else "has ended, and its limit with it"
            raise NotEffective(f"{target.host.name}: {self.process} {found}", "")
        return f"{target.host.name}: {self.process} may have {shown[1]} files open, as before {shown[0]}"

    def prove_clean(self, target: Target) -> str:
        if not (figures := self._figures(target)):
            return f"no {self.process} runs: its limit is gone with it"
        used, limit = figures
        if used >= limit:
            raise NotClean(f"{target.host.name}: {self.process} has {used} files open, still of {limit}", "")
        return f"{self.process} may open {limit} files again"

    def status(self, target: Target) -> str:
        if not (figures := self._figures(target)):
            return f"no {self.process}"
        return "{} has {} files open of {}".format(self.process, *figures)

    def _why_not(self, target: Target) -> str:
        """What prlimit says of it."""
        look = LOOK.format(find=processes.find(self.process, target.host))
        lines = ssh.script(target.ssh, f"exec 2>&1\n{look}", check=False).splitlines()
        return printable(lines[-1]) if lines else "it has just ended"

    def _figures(self, target: Target) -> tuple[int, int] | None:
        """How many files it has open, and may have; None where it does not run, or ended meanwhile."""
        look = LOOK.format(find=processes.find(self.process, target.host))
        shown = ssh.script(target.ssh, f'{look}[ "${{pid:-0}}" -gt 0 ] && echo $limit $before', check=False).split()
        return (int(shown[0]), int(shown[1])) if len(shown) == 2 else None
