"""The `run` event: everything about a run that is known when it begins."""

import os
from pathlib import Path
from typing import Any

from firedrill.cluster import membership
from firedrill.cluster.systems import system_of
from firedrill.experiments.model import Experiment
from firedrill.experiments.observe import catalogue
from firedrill.experiments.run import alerting, versions
from firedrill.experiments.run.context import Context
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

FORMAT = 2


def event(experiment: Experiment, context: Context) -> dict[str, Any]:
    """Its fields, as docs/events.md lists them."""
    access = context.access
    there = membership.of(access, context.system.view(access))
    for sentence in there.sentences:
        context.tell(f"note: {sentence}")
    return {
        "format": FORMAT,
        **_experiment(experiment, context),
        **_cluster(access),
        **alerting.event(experiment, context),
        "observers": catalogue.described(catalogue.of_run(access, experiment.load, experiment.observers), access),
        "seed": context.seed,
        "backend": experiment.backend,
        "profile": {**context.profile, "name": access.profile_name},
        "unobserved": catalogue.left_out(access),
        "unwatched": list(there.unwatched),
        "cannot_lead": list(there.cannot_lead),
        "unwatched_coordinators": list(there.coordinators),
    }


def _experiment(it: Experiment, context: Context) -> dict[str, Any]:
    load = {"users": it.load.total, "file": it.load.file, "rates": dict(it.load.rates)}
    return {
        "experiment": it.name,
        "title": it.title,
        "question": it.question,
        "hypothesis": it.hypothesis,
        "load": load | {"timeout_s": it.load.timeout_s, "text": str(it.load)},
        "steps": [str(step) for step in it.steps],
        "abort_when": str(it.abort_when) if it.abort_when else None,
        "expectations": [expectation.event(context.profile) for expectation in it.expectations],
    }


def _cluster(access: Access) -> dict[str, Any]:
    hosts, system = access.inventory.hosts, system_of(access.inventory)
    return {
        "system": system.name,
        "databases": _names(access, system.database_role),
        "coordinators": _names(access, system.coordinator_role),
        "proxies": _names(access, "proxy"),
        "tiers": [{"title": title, "hosts": of} for role, title in system.tiers if (of := _names(access, role))],
        "inventory": _place(access.inventory.path),
        "topology": [{"name": host.name, "address": host.address, "roles": list(host.roles)} for host in hosts],
        "versions": versions.found(access),
        "front": access.front,
        "machine": _machine(),
        "providers": {host.name: made for host in hosts if (made := provider(host))},
    }


def _machine() -> dict[str, Any]:
    """The controller: a loaded one measures late."""
    return {"cores": os.cpu_count(), "load_1m": round(os.getloadavg()[0], 2)}


def provider(host: Host) -> str | None:
    """What `lab up` makes this host with; None for an existing machine."""
    made: str | None = host.data.get("provider") or host.made_by.get("provider")
    return made


def _names(access: Access, role: str | None) -> list[str]:
    return [host.name for host in access.inventory.hosts if role in host.roles]


def _place(path: Path) -> str:
    """The inventory file relative to the working folder: the report says how to repeat the run."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
