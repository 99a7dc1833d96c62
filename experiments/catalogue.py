"""Every experiment there is: one explicit table."""

from experiments.drills import leader_power_cut
from inventories.errors import Problem

EXPERIMENTS = {module.EXPERIMENT.name: module.EXPERIMENT for module in (leader_power_cut,)}


def find(name: str):
    """The experiment of this name. Raises Problem naming those there are."""
    if name not in EXPERIMENTS:
        raise Problem(f"no experiment {name!r}", f"there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
