"""Break hosts and processes on purpose, prove the effect, heal.

Every fault of the catalogue is an attribute: `faults.PowerCut`, `faults.Partition`.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if not name[:1].isupper():  # a module: imported in the usual way
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from firedrill.faults.catalogue import FAULTS

    for kind in FAULTS.values():
        if kind.__name__ == name:
            return kind
    raise AttributeError(f"no fault {name!r}: there are {', '.join(kind.__name__ for kind in FAULTS.values())}")


def __dir__() -> list[str]:
    from firedrill.faults.catalogue import FAULTS

    return sorted([*globals(), *(kind.__name__ for kind in FAULTS.values())])
