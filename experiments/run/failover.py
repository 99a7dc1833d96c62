"""Refuse an experiment that rests on a failover where the cluster would not fail over."""

from firedrill.cluster.system import View
from firedrill.cluster.systems import system_of
from firedrill.experiments.model import Experiment
from firedrill.experiments.steps import Inject, Switchover
from firedrill.inventories.access import Access

LEADER = ("leader", "initial_leader")


def missing(experiment: Experiment, access: Access) -> list[str]:
    """Why the cluster's own mode rules this experiment out, one sentence per reason."""
    return reasons(experiment, system_of(access.inventory).view(access))


def reasons(experiment: Experiment, view: View) -> list[str]:
    """The same, of a view. In a mode without failover no experiment shows what the cluster does otherwise."""
    if view.modes or (view.no_failover and _hits_leader(experiment, view)):
        return [f"{view.no_failover}: no node would take over from the leader"]
    return []


def _hits_leader(experiment: Experiment, view: View) -> bool:
    names = {*LEADER, view.leader.name if view.leader else None}
    return any(
        isinstance(step, Switchover)
        or (isinstance(step, Inject) and any(part.strip() in names for part in step.target.split(",")))
        for step in experiment.steps
    )
