"""Every experiment there is: one explicit table."""

from experiments.drills import (
    corrupt_sync_standby,
    leader_power_cut,
    leader_poweroff,
    patroni_frozen,
    patroni_killed,
    postgres_killed,
    standby_power_cut,
)
from inventories.errors import Problem

DRILLS = (
    leader_power_cut,
    leader_poweroff,
    standby_power_cut,
    postgres_killed,
    patroni_killed,
    patroni_frozen,
    corrupt_sync_standby,
)
EXPERIMENTS = {drill.EXPERIMENT.name: drill.EXPERIMENT for drill in DRILLS}


def find(name: str):
    """The experiment of this name. Raises Problem naming those there are."""
    if name not in EXPERIMENTS:
        raise Problem(f"no experiment {name!r}", f"there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
