"""What of an experiment a cluster can be asked at all: one without the app has no users, so nothing is asked of them.

The promise: what is not asked is named in the run and in its report, so that a verdict never seems to cover it.
"""

from dataclasses import replace
from typing import Any

from experiments.model import Experiment, Load
from inventories.access import Access

# Figures that are made from what the users saw.
OF_USERS = ("read_outage_ms", "user_", "write_errors", "read_errors", "errors_after_heal", "phases.recover95_ms",
            "before.", "during.", "levels")  # fmt: skip
WEATHER = Load().file


def needs_app(experiment: Experiment) -> bool:
    """Whether its load goes to the weather app."""
    return bool(experiment.load.total) and experiment.load.file == WEATHER


def within(experiment: Experiment, access: Access) -> tuple[Experiment, list[dict[str, Any]]]:
    """The experiment as this cluster can be asked it, and the expectations that are left out, each with why."""
    if access.has_app or not needs_app(experiment):
        return experiment, []
    left = [expect for expect in experiment.expectations if expect.metric.startswith(OF_USERS)]
    kept = tuple(expect for expect in experiment.expectations if expect not in left)
    why = "the inventory has no app for users to ask"
    told = [{"name": expect.name, "metric": expect.metric, "why": why} for expect in left]
    return replace(experiment, load=Load(rates={}), expectations=kept), told


def unobserved(access: Access) -> list[str]:
    """The observers that this cluster does without: of HAProxy alone, on which no figure rests."""
    without = not access.inventory.role("proxy") or "haproxy" in access.data.get("unobserved", ())
    return ["haproxy"] if without else []
