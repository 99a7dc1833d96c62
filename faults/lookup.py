"""A fault by its name: one of the catalogue, of an installed package (entry point), or a class in a user's own file.

The ledger keeps the name. For a class in a file it is `/absolute/path.py:CLASS`, so that any other process can heal it.
"""

import dataclasses
import difflib
from pathlib import Path
from typing import Any, cast

from firedrill import plugins
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.protocol import Fault, Refused
from firedrill.inventories.errors import Problem

CLASS_DATA = ("kind", "default_limit_s", "heals_itself_on_host", "may_lock_out")
METHODS = ("refuse", "snapshot", "commands", "arm", "ready", "prove", "still", "heal", "status")
OPTION_TYPES = (str, int, float, bool)


def names() -> list[str]:
    """The catalogue's faults, then those of installed packages."""
    return [*FAULTS, *(name for name in plugins.registered(plugins.FAULTS) if name not in FAULTS)]


def find(name: str) -> type[Fault]:
    """The class of a fault: `power_cut`, or `./mine.py:SlowDns`. Raises Problem."""
    if name in FAULTS:
        return FAULTS[name]
    if plugins.names_file(name):
        return checked(name, _in_file(name))
    if name in plugins.registered(plugins.FAULTS):
        return checked(name, plugins.load(plugins.FAULTS, name))
    near = difflib.get_close_matches(name, names(), 3)
    guess = f"did you mean {' or '.join(near)}?" if near else "see `faults list`."
    raise Problem(f"no fault {name!r}", f"{guess} Your own is FILE.py:CLASS")


def _in_file(name: str) -> Any:
    """`FILE.py:CLASS`, or the only fault of `FILE.py`."""
    file, _, wanted = name.partition(":")
    if wanted:
        return plugins.attribute(name)
    module = plugins.module(Path(file))
    mine = [
        it for it in vars(module).values()
        if isinstance(it, type) and it.__module__ == module.__name__ and dataclasses.is_dataclass(it)
    ]  # fmt: skip
    if len(mine) != 1:
        found = ", ".join(it.__name__ for it in mine) or "none"
        raise Problem(f"{file} defines {len(mine)} faults, wanted one ({found})", "name one, as in FILE.py:CLASS")
    return mine[0]


def checked(name: str, kind: Any) -> type[Fault]:
    """The class, if it can be a fault: a frozen dataclass with all of the protocol, and a default for every option."""
    remedy = "see docs/writing-a-fault.md"
    if not (isinstance(kind, type) and getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)):
        raise Problem(f"{name} is not a frozen dataclass", remedy)
    if lacking := [it for it in CLASS_DATA if not hasattr(kind, it)]:
        raise Problem(f"{name} has no {', '.join(lacking)}", remedy)
    if lacking := [it for it in METHODS if not callable(getattr(kind, it, None))]:
        raise Problem(f"{name} has no method {', '.join(lacking)}", remedy)
    if odd := [it.name for it in dataclasses.fields(cast(Any, kind)) if not isinstance(it.default, OPTION_TYPES)]:
        raise Problem(f"{name}: the option {odd[0]} has no default that is text or a number", remedy)
    return cast(type[Fault], kind)


def name_of(fault: Fault) -> str:
    """The name by which another process finds this fault. Raises Refused where there is none."""
    kind = type(fault)
    for name, known in FAULTS.items():
        if known is kind:
            return name
    for name, point in plugins.registered(plugins.FAULTS).items():
        if point.value == f"{kind.__module__}:{kind.__qualname__}":
            return name
    try:
        name = plugins.origin(kind)
    except Problem as problem:
        raise Refused(f"no other process could heal it: {problem.cause}", problem.remedy) from None
    checked(name, kind)
    return name


def make(name: str, options: dict[str, Any]) -> Fault:
    """The fault with these options, as a ledger entry records it. Raises Problem."""
    kind = find(name)
    known = {field.name for field in dataclasses.fields(cast(Any, kind))}
    if unknown := sorted(set(options) - known):
        raise Problem(f"{name} has no option {', '.join(unknown)}", f"it has {', '.join(sorted(known)) or 'none'}")
    return kind(**options)
