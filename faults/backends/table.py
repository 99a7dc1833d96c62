"""Every backend there is: one row each."""

import dataclasses

from firedrill.faults.backends.backend import Backend
from firedrill.faults.backends.chaosblade import Chaosblade
from firedrill.faults.backends.own import Own
from firedrill.faults.backends.tc import Tc
from firedrill.faults.protocol import Fault, Refused

BACKENDS: dict[str, Backend] = {"tc": Tc(), "own": Own(), "chaosblade": Chaosblade()}


def choices(kind: type[Fault]) -> list[str]:
    """The backends that can carry out a kind of fault, its default first; none where there is nothing to choose."""
    default = next((field.default for field in dataclasses.fields(kind) if field.name == "backend"), None)
    if default is None:
        return []
    fault = str(getattr(kind, "name", ""))
    return [str(default), *(name for name, one in BACKENDS.items() if name != default and one.offers(fault))]


def backend_of(kind: type[Fault], name: str) -> Backend:
    """The backend of this name. Raises Refused where it cannot carry the fault out."""
    known = choices(kind)
    if name not in known:
        raise Refused(f"no backend {name!r}", f"choose {' or '.join(known)}")
    return BACKENDS[name]
