"""What a backend answers for a fault."""

from typing import Any, ClassVar

from firedrill.faults.protocol import Target


class Backend:
    """Carries a fault out on a host. `fault` holds the options; the proof of the effect stays with the fault.

    A backend has to give `name`, `inject_text` and `undo_text`.
    """

    name: ClassVar[str]
    # How a load on the processors is seen: the seconds until it is there, for how many it is looked at, and whether its
    # percentage is that of all processes, of which it adds what is missing.
    cpu_settles_s: ClassVar[float] = 0.1
    cpu_window_s: ClassVar[float] = 0.6
    cpu_of_host: ClassVar[bool] = False

    def offers(self, name: str) -> bool:
        """Whether it can carry out the fault of this name, apart from those whose default backend it is."""
        return False

    def check(self, fault: Any) -> None:
        """Raise Refused where the options alone rule it out."""

    def need(self, fault: Any, target: Target) -> None:
        """Raise Refused where this host lacks what the backend needs; touch nothing."""

    def files(self, fault: Any, target: Target) -> dict[str, str]:
        """Files that it needs on the host, by suffix."""
        return {}

    def inject_text(self, fault: Any, target: Target) -> str:
        """The shell text that injects the fault."""
        raise NotImplementedError

    def undo_text(self, fault: Any, target: Target) -> str:
        """The shell text that undoes it, and fails while anything of it is left."""
        raise NotImplementedError

    def leftovers(self, fault: Any, target: Target) -> str:
        """What is left after the undo and is harmless, in words; empty where nothing is."""
        return ""

    def lasts(self, fault: Any, target: Target) -> str:
        """Evidence that the effect lasts. Raises NotEffective."""
        return str(fault.own_lasts(target))

    def status(self, fault: Any, target: Target) -> str:
        """What the host shows of it now."""
        return str(fault.own_status(target))
