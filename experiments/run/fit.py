"""Fit an experiment to a cluster: without the weather app, users write to and read from an event log in the database.

Every experiment with expectations about users has users; the run records which kind.
"""

from collections import Counter
from dataclasses import replace

from firedrill.experiments.model import EVENT_LOG, WEATHER_APP, Experiment, Load
from firedrill.inventories.access import Access

READS, WRITES = ("SELECT", "INSERT")


def within(experiment: Experiment, access: Access) -> Experiment:
    """The experiment with as many reads and writes a second, by users that this cluster can serve."""
    load = experiment.load
    if access.has_app or not load.total or load.file != WEATHER_APP:
        return experiment
    rates: Counter[str] = Counter()
    for name, rate in load.rates.items():
        rates[WRITES if name.startswith("POST ") else READS] += rate
    return replace(experiment, load=Load(file=EVENT_LOG, rates=rates, timeout_s=load.timeout_s))
