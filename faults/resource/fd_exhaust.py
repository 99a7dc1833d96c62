"""A process that can open no further file and take no further connection; the rest of the host can."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, processes, undo
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target

# The lowest number that is free: a limit there leaves none. `pid`, `limit` and `before` are set.
LOOK = """\
pid=$({find})
limit=0; while [ -e /proc/$pid/fd/$limit ]; do limit=$((limit + 1)); done
before=$(prlimit --pid $pid --nofile --noheadings --raw --output SOFT)
"""


@dataclass(frozen=True)
class FdExhaust(OnHost):
    """Lower the limit of open files of the main process of `process` to those that it has, until healed."""

    process: str = "postgres"

    kind: ClassVar[str] = "resources"
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        processes.refuse_vital(self.process)

    def refuse_host(self, target: Target) -> None:
        capability.need(target, "prlimit")
        processes.refuse_absent(target, self.process)
        if not (figures := self._figures(target)):
            raise Refused(f"{target.host.name}: {self.process} dies just now", "is another fault active?")
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
        """Only where it is still the same process."""
        return (
            f"read -r pid before began < {undo.file(target, 'limit')} 2>/dev/null || exit 0\n"
            '[ "$(cut -d\' \' -f22 /proc/$pid/stat 2>/dev/null)" = "$began" ] || exit 0\n'
            "prlimit --pid $pid --nofile=$before: || [ ! -e /proc/$pid ]"
        )

    def prove(self, target: Target) -> str:
        if not (figures := self._figures(target)):
            raise NotEffective(f"{target.host.name}: {self.process} died, and its limit with it", "")
        used, limit = figures
        if used < limit:
            raise NotEffective(f"{target.host.name}: {self.process} has {used} files open of {limit}", "")
        return f"{target.host.name}: {self.process} has {used} files open and may have {limit}: no further one"

    def prove_clean(self, target: Target) -> str:
        if not (figures := self._figures(target)):
            return f"no {self.process} runs, and its limit is gone with it"
        used, limit = figures
        if used >= limit:
            raise NotClean(f"{target.host.name}: {self.process} has {used} files open of {limit} still", "")
        return f"{self.process} may open {limit} files again"

    def status(self, target: Target) -> str:
        if not (figures := self._figures(target)):
            return f"no {self.process}"
        return "{} has {} files open of {}".format(self.process, *figures)

    def _figures(self, target: Target) -> tuple[int, int] | None:
        """How many files it has open, and may have; None where it does not run, or died while it was asked."""
        look = LOOK.format(find=processes.find(self.process, target.host))
        shown = ssh.script(target.ssh, f'{look}[ "${{pid:-0}}" -gt 0 ] && echo $limit $before', check=False).split()
        return (int(shown[0]), int(shown[1])) if len(shown) == 2 else None
