"""Which experiments are possible, given what the doctor found."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from firedrill.cluster.system import MAY_CONFIGURE, WATCHED, Check, View
from firedrill.cluster.verified import WHAT
from firedrill.experiments.model import Experiment
from firedrill.experiments.observe import catalogue
from firedrill.experiments.run import failover, fit, needs, roles
from firedrill.experiments.steps import Inject
from firedrill.faults import engine
from firedrill.faults.connections import Connections
from firedrill.faults.protocol import Target, new_id
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def begun(it: Experiment, now: dict[str, str]) -> Experiment:
    """The experiment as if it began now: its targets name the hosts that have the initial roles."""
    steps = (replace(s, target=roles.named(s.target, now)) if isinstance(s, Inject) else s for s in it.steps)
    return replace(it, steps=tuple(steps))


def possible(
    it: Experiment, access: Access, view: View, checks: Sequence[Check], connections: Connections
) -> dict[str, Any]:
    """Whether it can be run: `in full`, `inconclusive` at best, or `no`; and why."""
    fitted = fit.within(it, access)
    watched = {*catalogue.all_of(access), "schema", WATCHED} | ({"users"} if fitted.load.total else set())
    unobserved = [f"{check.what}: {check.found}" for check in checks if check.ok is False and check.what in watched]
    refused = _refusals(fitted, access, view, checks, connections)
    can = "no" if refused else "inconclusive" if unobserved else "in full"
    return {"experiment": it.name, "can": can, "why": [*refused, *unobserved]}


def _refusals(
    it: Experiment, access: Access, view: View, checks: Sequence[Check], connections: Connections
) -> list[str]:
    if found := needs.not_here(it, access):
        return found
    denied = [check.found for check in checks if check.what == MAY_CONFIGURE and not check.ok]
    found = [f"it changes the cluster's settings, and cannot: {cause}" for cause in denied] if it.settings else []
    found += failover.reasons(it, view)
    found += [
        f"a server cannot be verified: {check.found}" for check in checks if check.what == WHAT and check.ok is False
    ]
    for step in it.steps:
        if isinstance(step, Inject):
            found += _refusal(step, access, connections)
    return list(dict.fromkeys(found))


def _refusal(step: Inject, access: Access, connections: Connections) -> list[str]:
    try:
        plan = engine.plan(
            step.fault, step.target, access, max_hosts=len(access.inventory.hosts), allow_quorum_loss=True
        )
        for host in plan.hosts:
            connection = connections[host.name]
            step.fault.refuse(
                Target(new_id(), step.target, host, access, plan.limit_s, connection, together=plan.hosts)
            )
    except Problem as problem:
        return [problem.cause]
    return []
