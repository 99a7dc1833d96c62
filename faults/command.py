"""A fault of your own: three shell commands that do it, prove it and undo it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from faults import remote, undo
from faults.protocol import NotClean, NotEffective, Refused, Target, poll


@dataclass(frozen=True)
class Command:
    """Run `do` on the host; `proof` must then succeed within `within_s`; after `undo` it must fail."""

    do: str = ""
    proof: str = ""
    undo: str = ""
    within_s: float = 30

    kind: ClassVar[str] = "your own"
    default_limit_s: ClassVar[float] = 120
    heals_itself_on_host: ClassVar[bool] = True

    def refuse(self, target: Target) -> None:
        if not (self.do and self.proof and self.undo):
            raise Refused("a command without `do`, `proof` or `undo`", "give all three")
        if target.connection is None:
            raise Refused(f"{target.host.name} does not answer SSH", "is it on?")
        if self._proven(target):
            raise Refused(
                f"{target.host.name}: `{self.proof}` succeeds already", "take a proof that fails on a sound host"
            )

    def snapshot(self, target: Target) -> dict[str, Any]:
        return {}

    def commands(self, target: Target) -> list[str]:
        return [*undo.commands(target, self.undo), self.do, self.proof]

    def inject(self, target: Target) -> str:
        undo.arm(target, self.undo)
        target.record("inject", self.do)
        remote.sh(target.connection, self.do)
        if not poll(lambda: self._proven(target), self.within_s, step=0.2):
            raise NotEffective(f"{target.host.name}: `{self.proof}` fails {self.within_s:g} s after `{self.do}`", "")
        return f"{target.host.name}: `{self.proof}` succeeds"

    def heal(self, target: Target) -> str:
        remote.sh(target.connection, self.undo)
        if not poll(lambda: not self._proven(target), self.within_s, step=0.2):
            raise NotClean(f"{target.host.name}: `{self.proof}` succeeds {self.within_s:g} s after `{self.undo}`", "")
        undo.disarm(target)
        return f"{target.host.name}: `{self.proof}` fails again"

    def status(self, target: Target) -> str:
        return "in effect" if self._proven(target) else "not in effect"

    def _proven(self, target: Target) -> bool:
        return remote.sh(target.connection, f"({self.proof}) >/dev/null 2>&1 && echo yes", check=False) == "yes"
