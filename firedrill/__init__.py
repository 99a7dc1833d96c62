"""Fire drills for highly available databases: deploy, inject faults, load, judge.

    from firedrill import Cluster, faults

    cluster = Cluster("inventories/lab.py")
    with cluster.inject(faults.Partition(), "sync_standby", limit_s=60):
        ...  # the fault is active and proven; it is healed at the end of the block
    verdict = cluster.run("leader_power_cut")

docs/library.md describes what can be imported from here. Each name is imported when it is first used.

Every error that a user can fix is a Problem:

Problem                   has a `cause` and a `remedy`
├── InventoryProblem      the inventory cannot be read, or describes an impossible cluster
├── Refused               refused before any host was changed
├── NotEffective          injected without a proven effect; rolled back already
├── NotClean              healed, but the host is not as before
├── Unhealed              some faults could not be healed; `problems` has the error of each
└── Unreachable           a host does not answer SSH, or refuses the login
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firedrill.cluster.ssh import Unreachable as Unreachable
    from firedrill.experiments import steps as steps
    from firedrill.experiments.judge.schema import Verdict as Verdict
    from firedrill.experiments.model import Bound as Bound
    from firedrill.experiments.model import Expect as Expect
    from firedrill.experiments.model import Experiment as Experiment
    from firedrill.experiments.model import Load as Load
    from firedrill.experiments.model import Needs as Needs
    from firedrill.faults.protocol import NotClean as NotClean
    from firedrill.faults.protocol import NotEffective as NotEffective
    from firedrill.faults.protocol import Refused as Refused
    from firedrill.faults.protocol import Unhealed as Unhealed
    from firedrill.inventories.errors import InventoryProblem as InventoryProblem
    from firedrill.inventories.errors import Problem as Problem
    from firedrill.library import Cluster as Cluster
    from firedrill.library import Injected as Injected

_MODULES = {
    "firedrill.library": ("Cluster", "Injected"),
    "firedrill.cluster.ssh": ("Unreachable",),
    "firedrill.experiments": ("steps",),
    "firedrill.experiments.judge.schema": ("Verdict",),
    "firedrill.experiments.model": ("Bound", "Expect", "Experiment", "Load", "Needs"),
    "firedrill.faults.protocol": ("NotClean", "NotEffective", "Refused", "Unhealed"),
    "firedrill.inventories.errors": ("InventoryProblem", "Problem"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = [*_HOME, "faults"]  # noqa: F822, PLE0604 (faults is a folder of the package)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOME[name])
    return getattr(home, name) if hasattr(home, name) else import_module(f"{_HOME[name]}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
