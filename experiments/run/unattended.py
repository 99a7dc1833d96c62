"""Run experiments one after the other, unattended: past any that fails, and each on a healthy cluster.

What is known is in suite.json after each row (docs/events.md), so that a suite that is killed leaves what it has.
"""

import json
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from firedrill.experiments.model import Experiment
from firedrill.experiments.run import needs
from firedrill.experiments.run.guard import describe
from firedrill.experiments.run.repair import repair
from firedrill.experiments.run.runner import Run
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

FORMAT = 1
# Worst first: fell short, could not be run, inconclusive.
EXITS = (("fail", 1), ("error", 2), ("unknown", 3))
Tell = Callable[[str], None]
Row = dict[str, Any]


def run(experiments: Iterable[Experiment], access: Access, *, seed: int, folder: Path, tell: Tell) -> dict[str, Any]:
    """Run them all; return the content of suite.json, which is in the folder with a folder of each run."""
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
    left = _repaired(access, tell)
    if left:
        tell(f"the cluster is not healthy in the end: {left}")
    suite |= {"ended": _now(), "whole": left is None, "detail": left}
    _write(suite, folder)
    return suite


def exit_code(suite: dict[str, Any]) -> int:
    """0 if all that could be run held. A suite that ran nothing proves nothing."""
    found = {row["verdict"] for row in suite["rows"]}
    return next((code for verdict, code in EXITS if verdict in found), 0 if "pass" in found else 3)


def _row(experiment: Experiment, access: Access, seed: int, folder: Path, tell: Tell) -> tuple[Row, dict[str, str]]:
    """One experiment's row, and the versions it found. Whatever it raises becomes a row `error`."""
    row: Row = {"experiment": experiment.name, "report": None, "verdict_file": None}
    place = folder / experiment.name
    try:
        if left := repair(access, tell):
            return row | {"verdict": "error", "why": [f"The cluster could not be repaired before: {left}."]}, {}
        if lacking := needs.missing(experiment, access):
            return row | {"verdict": "skipped", "why": [f"It cannot run here: {one}." for one in lacking]}, {}
        place.mkdir(parents=True)
        verdict = Run(experiment, access, seed=seed, folder=place, tell=tell).run()
    except Exception as error:  # noqa: BLE001 - the suite goes on past anything but Ctrl-C and SIGTERM
        _explain(experiment, error, tell)
        return row | {"verdict": "error", "why": [f"It could not be run: {describe(error)}."]}, {}
    row |= {"report": experiment.name, "verdict_file": f"{experiment.name}/verdict.json"}
    return row | {"verdict": verdict.verdict, "why": list(verdict.why)}, dict(verdict.versions or {})


def _repaired(access: Access, tell: Tell) -> str | None:
    try:
        return repair(access, tell)
    except Exception as error:  # noqa: BLE001 - the same
        return describe(error)


def _explain(experiment: Experiment, error: Exception, tell: Tell) -> None:
    """One line for a Problem, the traceback for anything unforeseen."""
    tell(f"{experiment.name}: {describe(error)}")
    if not isinstance(error, Problem):
        tell("".join(traceback.format_exception(error)))


def _write(suite: dict[str, Any], folder: Path) -> None:
    new = folder / "suite.new"
    new.write_text(json.dumps(suite, indent=1) + "\n")
    new.replace(folder / "suite.json")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
