"""Fit an experiment to a cluster and to what the user asked for.

Without the weather app, users write to and read from an event log in the database. Every experiment with expectations
about users has users; the run records which kind.
"""

from collections import Counter
from dataclasses import replace

from firedrill.experiments.model import EVENT_LOG, WEATHER_APP, Experiment, Load, Step
from firedrill.experiments.steps import Inject
from firedrill.faults import lookup
from firedrill.faults.backends.table import choices
from firedrill.faults.protocol import Fault, Refused, check_options
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


def by_backend(experiment: Experiment, backend: str) -> Experiment:
    """The experiment with all its faults by this backend. Raises Refused that names each fault which it cannot do."""
    steps: list[Step] = []
    reasons = []
    for step in experiment.steps:
        if isinstance(step, Inject):
            try:
                step = replace(step, fault=_fault_by(step.fault, backend))
            except Refused as problem:
                reasons.append(problem.cause)
        steps.append(step)
    if not any(isinstance(step, Inject) for step in steps):
        reasons.append("it injects no fault")
    if reasons:
        raise Refused(
            f"{experiment.name} cannot run by {backend}: {'; '.join(dict.fromkeys(reasons))}",
            "leave `--backend` out, or take another experiment",
        )
    return replace(experiment, steps=tuple(steps), backend=backend)


def _fault_by(fault: Fault, backend: str) -> Fault:
    """The same fault by the backend. Raises Refused."""
    name = lookup.name_of(fault)
    if backend not in (known := choices(type(fault))):
        raise Refused(f"{name} is carried out by {' or '.join(known) or 'its own means'} only", "")
    changed: Fault = replace(fault, backend=backend)
    try:
        check_options(changed)
    except Refused as problem:
        raise Refused(f"{name}: {problem.cause}", "") from None
    return changed
