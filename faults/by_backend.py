"""A fault that more than one backend may carry out: the option `backend` names which."""

from typing import ClassVar, cast

from firedrill.faults.backends.backend import Backend
from firedrill.faults.backends.table import backend_of
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import Fault, Target


class ByBackend(OnHost):
    """A fault with a field `backend`, by default `own` or `tc`. It has to give `name`, `prove` and `own_status`.

    `name` is its name in the catalogue, by which other backends know it. The backend `own` asks for `own_inject`,
    `own_undo` and perhaps `own_files`; `tc` asks for `netem`.
    """

    name: ClassVar[str]
    backend: str

    @property
    def _backend(self) -> Backend:
        """The backend that carries this fault out. Raises Refused."""
        return backend_of(cast(type[Fault], type(self)), self.backend)

    def own_inject(self, target: Target) -> str:
        """The shell text that injects it without any other tool."""
        raise NotImplementedError

    def own_undo(self, target: Target) -> str:
        """The shell text that undoes it; other backends run it after their own."""
        raise NotImplementedError

    def own_files(self, target: Target) -> dict[str, str]:
        return {}

    def own_status(self, target: Target) -> str:
        raise NotImplementedError

    def own_lasts(self, target: Target) -> str:
        """Evidence that the effect lasts, whichever backend carries it out. Raises NotEffective."""
        return self.prove(target)

    # For OnHost

    def check(self) -> None:
        self._backend.check(self)

    def refuse_host(self, target: Target) -> None:
        self._backend.need(self, target)

    def files(self, target: Target) -> dict[str, str]:
        return self._backend.files(self, target)

    def inject_text(self, target: Target) -> str:
        return self._backend.inject_text(self, target)

    def undo_text(self, target: Target) -> str:
        return self._backend.undo_text(self, target)

    def lasts(self, target: Target) -> str:
        return self._backend.lasts(self, target)

    def prove_clean(self, target: Target) -> str:
        return self._backend.leftovers(self, target)

    def status(self, target: Target) -> str:
        return self._backend.status(self, target)
