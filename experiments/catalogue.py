"""Every experiment there is: one explicit table."""

from experiments.drills import (
    etcd_down,
    leader_power_cut,
    leader_poweroff,
    patroni_killed,
    postgres_killed,
    standby_power_cut,
)
from experiments.model import Experiment
from inventories.errors import Problem

EXPERIMENTS = {
    it.name: it
    for it in (
        leader_power_cut.EXPERIMENT,
        leader_poweroff.EXPERIMENT,
        standby_power_cut.EXPERIMENT,
        postgres_killed.EXPERIMENT,
        patroni_killed.EXPERIMENT,
        *etcd_down.EXPERIMENTS,
    )
}


def find(name: str) -> Experiment:
    """The experiment of this name. Raises Problem naming those there are."""
    if name not in EXPERIMENTS:
        raise Problem(f"no experiment {name!r}", f"there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
