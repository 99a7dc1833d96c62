"""A fault of your own: three shell commands that inject, prove and undo it."""

from dataclasses import dataclass
from typing import ClassVar

from firedrill.cluster import ssh
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

MOST_S = 600


@dataclass(frozen=True)
class Command(OnHost):
    """Run `do` on the host; `proof` must then succeed within `within_s` seconds, and fail after `undo`."""

    do: str = ""
    proof: str = ""
    undo: str = ""
    within_s: float = 30

    example: ClassVar[dict[str, str]] = {"do": "true", "proof": "false", "undo": "true"}
    kind: ClassVar[str] = "your own"
    default_limit_s: ClassVar[float] = 120

    def check(self) -> None:
        if not (self.do and self.proof and self.undo):
            raise Refused("a command without `do`, `proof` or `undo`", "give all three")
        if not 0 < self.within_s <= MOST_S:
            raise Refused(f"a proof within {self.within_s:g} s", f"give more than 0 and at most {MOST_S}")

    def refuse_host(self, target: Target) -> None:
        if self._proven(target):
            raise Refused(
                f"{target.host.name}: `{self.proof}` succeeds already", "use a proof that fails on a healthy host"
            )

    def inject_text(self, target: Target) -> str:
        return self.do

    def undo_text(self, target: Target) -> str:
        return self.undo

    def prove(self, target: Target) -> str:
        if not poll(lambda: self._proven(target), self.within_s, step=0.2):
            raise NotEffective(f"{target.host.name}: `{self.proof}` fails {self.within_s:g} s after `{self.do}`", "")
        return f"{target.host.name}: `{self.proof}` succeeds"

    def lasts(self, target: Target) -> str:
        if not self._proven(target):
            raise NotEffective(f"{target.host.name}: `{self.proof}` no longer succeeds", "")
        return f"{target.host.name}: `{self.proof}` succeeds"

    def prove_clean(self, target: Target) -> str:
        if not poll(lambda: not self._proven(target), self.within_s, step=0.2):
            raise NotClean(f"{target.host.name}: `{self.proof}` succeeds {self.within_s:g} s after `{self.undo}`", "")
        return f"`{self.proof}` fails again"

    def status(self, target: Target) -> str:
        return "in effect" if self._proven(target) else "not in effect"

    def _proven(self, target: Target) -> bool:
        return ssh.sh(target.ssh, f"({self.proof}) >/dev/null 2>&1 && echo yes", check=False) == "yes"
