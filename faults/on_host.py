"""What faults share that are injected and undone on the host over SSH, with an undo that the host itself holds."""

import shlex
from typing import Any, ClassVar, cast

from firedrill.cluster import clock, ssh
from firedrill.faults import capability, state, undo
from firedrill.faults.protocol import Differs, Fault, NotClean, NotEffective, Refused, Target, Trigger, check_options

READY = "ready"


class OnHost:
    """A fault given by two shell texts: `inject_text` injects it; `undo_text` undoes it, and fails until it is gone.

    A fault of this kind has to give `check`, `refuse_host`, the two texts, `prove` and `status`; and `lasts`, unless
    `prove` is quick and does not need to wait.
    """

    heals_itself_on_host: ClassVar[bool] = True
    touches: ClassVar[tuple[str, ...]] = state.UNSAID  # the sections of the host's state that are compared
    may_lock_out: ClassVar[bool] = False

    def check(self) -> None:
        """Raise Refused where the options alone are wrong."""

    def refuse_host(self, target: Target) -> None:
        """Raise Refused where it cannot work on this host."""

    def note(self, target: Target) -> dict[str, Any]:
        """What this fault has to know of the host from before the injection."""
        return {}

    def files(self, target: Target) -> dict[str, str]:
        """Files that it needs on the host, by suffix; see undo.file."""
        return {}

    def inject_text(self, target: Target) -> str:
        raise NotImplementedError

    def undo_text(self, target: Target) -> str:
        raise NotImplementedError

    def lasts(self, target: Target) -> str:
        """Evidence that the effect lasts; by default its proof again. Raises NotEffective."""
        return self.prove(target)

    def prove_clean(self, target: Target) -> str:
        """Evidence that the host is clean, in addition to being as before. Raises NotClean."""
        return ""

    # The protocol

    def refuse(self, target: Target) -> None:
        check_options(cast(Fault, self))
        capability.need_root(target)
        self.refuse_host(target)

    def snapshot(self, target: Target) -> dict[str, Any]:
        return {"state": state.take(target.ssh)} | self.note(target)

    def commands(self, target: Target) -> list[str]:
        return [*self._arming(target, {"id": target.id}), self.inject_text(target)]

    def _arming(self, target: Target, journal: dict[str, Any]) -> list[str]:
        return undo.commands(
            target, self.undo_text(target), journal=journal, files=self.files(target), guarded=self.may_lock_out
        )

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        undo.arm(target, self._arming(target, journal))

    def ready(self, target: Target) -> Trigger:
        return Waiting(target, self.inject_text(target), **self._unless_undone(target))

    def _unless_undone(self, target: Target) -> dict[str, str]:
        """An injection whose undo has begun would be healed by nobody: it is not begun, or undoes itself."""
        armed = undo.armed_text(target)
        return {
            "condition": f"{armed} || {{ echo 'its undo has run already' >&2; exit 75; }}",
            "at_exit": f"{armed} || {{ ( {self.undo_text(target)}\n)\n"
            "echo 'its undo ran before the injection had ended: it takes longer than its limit' >&2; exit 75; }",
        }

    def still(self, target: Target) -> str | None:
        if not undo.is_armed(target):
            raise NotEffective(f"{target.host.name}: its undo has run already", "")
        return self.lasts(target)

    def heal(self, target: Target) -> str:
        if "state" in target.before and state.is_rebuilt(target.before["state"], target.ssh):
            return f"{target.host.name} was rebuilt since: nothing of the fault is on it"
        ssh.script(target.ssh, self.undo_text(target), seconds=ssh.RECOVERING_SECONDS)
        return self.prove_healed(target)

    def prove_healed(self, target: Target) -> str:
        """The evidence that the undo, whoever ran it, has left the host clean. Raises NotClean."""
        more = self.prove_clean(target)
        note = self._as_before(target)
        if left := undo.disarm(target):
            raise NotClean(f"{target.host.name} still has {' '.join(left.split())}", "heal it again")
        return f"{target.host.name}: {'; '.join(filter(None, (more, 'all as before', note)))}"

    def _as_before(self, target: Target) -> str:
        """What others changed meanwhile, as a note. Raises NotClean for what this fault touches and left changed."""
        if "state" not in target.before:
            return ""
        found = state.settle(target.before["state"], target.ssh, self.touches, target.id)
        if found.by_fault:
            raise Differs(
                f"{target.host.name} differs from before: {'; '.join(found.by_fault)}",
                f"fix it, then heal again; or accept it: `faults heal {target.id} --accept`",
            )
        return found.note

    def prove(self, target: Target) -> str:
        raise NotImplementedError

    def status(self, target: Target) -> str:
        raise NotImplementedError


class Waiting:
    """A shell on the host that waits for one line; if its controller dies it ends without an injection.

    `condition` comes right before the injection; `at_exit` runs after it, whether it succeeded or not.
    """

    def __init__(self, target: Target, text: str, *, condition: str = "", at_exit: str = "") -> None:
        self.text = text
        self._name = target.host.name
        after = f"at_exit() {{ set +e\n{at_exit}\n}}\ntrap at_exit EXIT" if at_exit else ""
        program = f"set -e\necho {READY}\nread -r go\n{condition}\n{after}\ndate +%s%N\n{text}"
        self._running = ssh.Running(target.ssh, f"sh -c {shlex.quote(program)}")
        self._running.line()
        self._sent = 0

    def go(self) -> None:
        self._sent = clock.now()
        self._running.send("go\n", last=True)

    def done(self) -> int:
        """When the host injected it, by its own clock if that lies between our signal and its answer."""
        shown = self._running.line()
        answered = clock.now()
        out, said, code = self._running.end()
        if code:
            message = (said.strip() or out.strip() or f"exit {code}").splitlines()[-1]
            raise Refused(f"{self._name}: the injection failed ({message})", "remove the cause and inject it again")
        moment = int(shown) if shown.isascii() and shown.isdigit() else 0
        return moment if self._sent <= moment <= answered else self._sent
