"""Run experiments one after the other with nobody there: past a failed one, and always on a whole cluster.

What is known is in suite.json after each row (docs/events.md), so that a suite that is killed leaves what it has.
"""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg

from firedrill.experiments.model import Experiment
from firedrill.experiments.run import needs
from firedrill.experiments.run.repair import mend
from firedrill.experiments.run.runner import Run
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

FORMAT = 1
# What asks for the attention first: fell short, could not be run, could not tell.
EXITS = (("fail", 1), ("error", 2), ("unknown", 3))
Tell = Callable[[str], None]


def run(experiments: Iterable[Experiment], access: Access, *, seed: int, folder: Path, tell: Tell) -> dict[str, Any]:
    """Run them all; return the content of suite.json, which is in the folder with each run's own."""
    wanted = list(experiments)
    suite: dict[str, Any] = {
        "format": FORMAT,
        "began": _now(),
        "ended": None,
        "inventory": access.inventory.path.name,
        "seed": seed,
        "versions": {},
        "rows": [],
    }
    for number, experiment in enumerate(wanted):
        tell(f"== {number + 1} of {len(wanted)}: {experiment.name}")
        began = time.monotonic()
        row, versions = _row(experiment, access, seed + number, folder, tell)
        suite["versions"] |= versions
        suite["rows"].append(row | {"seconds": round(time.monotonic() - began, 1)})
        tell(f"== {experiment.name}: {row['verdict']}")
        _write(suite, folder)
    if left := mend(access, tell):
        tell(f"the cluster is not whole after all: {left}")
    suite |= {"ended": _now(), "whole": left is None, "detail": left}
    _write(suite, folder)
    return suite


def exit_code(suite: dict[str, Any]) -> int:
    """0 where all that could be run held; a suite that ran nothing proves nothing."""
    found = {row["verdict"] for row in suite["rows"]}
    return next((code for verdict, code in EXITS if verdict in found), 0 if "pass" in found else 3)


def _row(experiment: Experiment, access: Access, seed: int, folder: Path, tell: Tell) -> tuple[dict[str, Any], dict]:
    """One experiment's row, and the versions it found."""
    row: dict[str, Any] = {"experiment": experiment.name, "report": None, "verdict_file": None}
    place = folder / experiment.name
    try:
        if left := mend(access, tell):
            return row | {"verdict": "error", "why": [f"The cluster could not be made whole before: {left}."]}, {}
        if lacking := needs.missing(experiment, access):
            return row | {"verdict": "skipped", "why": [f"It cannot run here: {one}." for one in lacking]}, {}
        place.mkdir(parents=True)
        verdict = Run(experiment, access, seed=seed, folder=place, tell=tell).run()
    except (Problem, OSError, psycopg.Error, ValueError) as error:
        tell(f"{experiment.name}: {error}")
        return row | {"verdict": "error", "why": [f"It could not be run: {error}."]}, {}
    row |= {"report": experiment.name, "verdict_file": f"{experiment.name}/verdict.json"}
    return row | {"verdict": verdict["verdict"], "why": verdict["why"]}, verdict["versions"] or {}


def _write(suite: dict[str, Any], folder: Path) -> None:
    new = folder / "suite.new"
    new.write_text(json.dumps(suite, indent=1) + "\n")
    new.replace(folder / "suite.json")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
