"""What a run expects of the monitoring, and how long it waits for that."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from firedrill.cluster import clock
from firedrill.experiments.model import Experiment
from firedrill.experiments.observe import alert_waits, catalogue
from firedrill.experiments.run.context import Context
from firedrill.experiments.steps import Inject, Switchover

INJECTING = (Inject, Switchover)
STEP_S = 0.5
MORE_S = 2  # after a deadline: a sample that shows that nothing came in time


def event(experiment: Experiment, context: Context) -> dict[str, Any]:
    """The fields of the `run` event about alerts."""
    quiet = {} if _injecting(experiment) else {"quiet": True}
    known = context.access.monitoring
    if known is None or catalogue.ALERTS.name in catalogue.left_out(context.access):
        return quiet
    return quiet | {
        "delivery": "received" if known.receivers else "listed",
        "alerts": list(_expected(experiment, context)),
    }


def _expected(experiment: Experiment, context: Context) -> Iterator[dict[str, Any]]:
    """Each expected alert, under the name that the monitoring has for it."""
    known, steps = context.access.monitoring, _injecting(experiment)
    for one in experiment.alerts:
        name = known.names.get(one.name, one.name) if known else None
        if name:
            yield one.event(context.profile, name, steps[one.fault - 1] if steps else 0)


def _injecting(experiment: Experiment) -> list[int]:
    """The numbers of the steps that inject a fault, from 1."""
    return [number for number, step in enumerate(experiment.steps, 1) if isinstance(step, INJECTING)]


def hold(experiment: Experiment, context: Context) -> None:
    """Before a healing: wait for the alerts whose fault must last until they are delivered, or late."""
    await_expected(replace(experiment, alerts=tuple(one for one in experiment.alerts if one.hold)), context)


def await_expected(experiment: Experiment, context: Context) -> None:
    """Wait until every alert that must come was delivered, or is late."""
    told = event(experiment, context)
    wanted = [one for one in told.get("alerts", ()) if not one["optional"] and one["step"] in context.injected]
    received = told.get("delivery") == "received"
    while wanted := [one for one in wanted if _may_come(one, context, received=received)]:
        time.sleep(STEP_S)


def _may_come(one: dict[str, Any], context: Context, *, received: bool) -> bool:
    since = context.injected[one["step"]]
    deadline = since + round(one["within_ms"] * 1e6) + MORE_S * clock.SECOND
    return clock.now() < deadline and not alert_waits.delivered(context.parts, one["name"], since, received=received)
