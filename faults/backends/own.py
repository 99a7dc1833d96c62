"""Commands and programs of our own; a fault gives them as `own_inject`, `own_undo` and `own_files`."""

from typing import Any, ClassVar

from firedrill.faults.backends.backend import Backend
from firedrill.faults.protocol import Target


class Own(Backend):
    """The default of every fault that is not netem's."""

    name: ClassVar[str] = "own"

    def files(self, fault: Any, target: Target) -> dict[str, str]:
        return dict(fault.own_files(target))

    def inject_text(self, fault: Any, target: Target) -> str:
        return str(fault.own_inject(target))

    def undo_text(self, fault: Any, target: Target) -> str:
        return str(fault.own_undo(target))
