"""A database system of the user's own: `system` in the inventory is an entry point's name, or FILE.py:NAME."""

import functools
from typing import Any, cast

from firedrill import plugins
from firedrill.cluster.system import System
from firedrill.inventories.errors import InventoryProblem

REMEDY = "see docs/library.md"


def known(name: str) -> bool:
    """Whether an installed package, or a file, provides a system of this name."""
    return plugins.names_file(name) or name in plugins.registered(plugins.SYSTEMS)


@functools.cache
def load(name: str) -> System:
    """The system, if it answers everything that `System` asks. Raises Problem."""
    found = plugins.attribute(name) if plugins.names_file(name) else plugins.load(plugins.SYSTEMS, name)
    if isinstance(found, type):
        raise InventoryProblem(f"{name} is a class, wanted a value", f"name an instance, such as `SYSTEM`; {REMEDY}")
    if lacking := sorted(asked() - set(dir(found))):
        raise InventoryProblem(f"the system {name} has no {', '.join(lacking)}", REMEDY)
    return cast(System, found)


def asked() -> set[str]:
    """The names of everything that a system answers."""
    protocol: Any = System
    return {*protocol.__annotations__, *(name for name in vars(protocol) if not name.startswith("_"))}
