"""What users add without editing this package: faults, experiments and systems.

Either a file of theirs is named where a name is wanted (`./mine.py`, `./mine.py:SlowDns`), or an installed package
registers names as entry points:

    [project.entry-points."firedrill.faults"]
    slow_dns = "acme.drills:SlowDns"
"""

import functools
import hashlib
import importlib.util
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from firedrill.inventories.errors import Problem

FAULTS = "firedrill.faults"
EXPERIMENTS = "firedrill.experiments"
SYSTEMS = "firedrill.systems"


@functools.cache
def registered(group: str) -> dict[str, EntryPoint]:
    """The entry points of one group, by name. Raises Problem where two packages register the same name."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in found:
            raise Problem(
                f"{point.name!r} is registered twice in {group} ({found[point.name].value} and {point.value})",
                "remove one of the packages",
            )
        found[point.name] = point
    return found


def load(group: str, name: str) -> Any:
    """The object that an entry point names. Raises Problem where it cannot be imported."""
    point = registered(group)[name]
    try:
        return point.load()
    except Exception as error:  # noqa: BLE001 (importing runs foreign code, which may raise anything)
        raise _not_loaded(f"the entry point {name} = {point.value}", error) from error


def names_file(text: str) -> bool:
    """Whether a file is meant (`mine.py`, `./mine.py:SlowDns`), rather than a name."""
    return text.partition(":")[0].endswith(".py")


def module(path: Path) -> ModuleType:
    """The module in a user's file, executed once a process. Raises Problem.

    The file's folder is searched last, so that it can import its neighbours and shadow nothing.
    """
    path = path.expanduser().resolve()
    name = f"firedrill_file_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise Problem(f"no file {path}", "correct its path")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader, "a .py file has both"
    made = sys.modules[name] = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    try:
        spec.loader.exec_module(made)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (foreign code may raise anything)
        del sys.modules[name]
        raise _not_loaded(str(path), error) from error
    return made


def attribute(text: str) -> Any:
    """What `FILE.py:NAME` names. Raises Problem."""
    file, _, name = text.partition(":")
    found = module(Path(file))
    if not hasattr(found, name):
        public = ", ".join(key for key in vars(found) if not key.startswith("_"))
        raise Problem(f"{file} defines no {name!r}", f"it defines {public or 'nothing'}")
    return getattr(found, name)


def origin(kind: type) -> str:
    """The text by which another process finds this class: `/path/file.py:NAME`. Raises Problem where there is none."""
    source = getattr(sys.modules.get(kind.__module__), "__file__", None)
    remedy = "define it at the top of a file of its own, or register it as an entry point"
    if kind.__module__ == "__main__":
        raise Problem(f"{kind.__name__} is defined in the program that runs", remedy)
    if not source or "." in kind.__module__ or "." in kind.__qualname__:
        raise Problem(f"{kind.__module__}.{kind.__qualname__} cannot be found by another process", remedy)
    return f"{Path(source).resolve()}:{kind.__qualname__}"


def _not_loaded(what: str, error: BaseException) -> Problem:
    return Problem(f"{what} cannot be loaded ({type(error).__name__}: {error})", "correct it and try again")
