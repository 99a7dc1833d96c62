"""Every experiment there is: one explicit table."""

from experiments.drills import (
    app_down,
    etcd_down,
    host_frozen_then_resumed,
    leader_down_again,
    leader_power_cut,
    leader_poweroff,
    patroni_killed,
    postgres_killed,
    proxy_down,
    split_brain,
    standby_power_cut,
    switchover,
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
        *leader_down_again.EXPERIMENTS,
        host_frozen_then_resumed.EXPERIMENT,
        switchover.EXPERIMENT,
        *split_brain.EXPERIMENTS,
        *etcd_down.EXPERIMENTS,
        *proxy_down.EXPERIMENTS,
        *app_down.EXPERIMENTS,
    )
}


def find(name: str) -> Experiment:
    """The experiment of this name. Raises Problem naming those there are."""
    if name not in EXPERIMENTS:
        raise Problem(f"no experiment {name!r}", f"there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
