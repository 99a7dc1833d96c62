"""The observers, each run for a moment as in a run: what it saw."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from firedrill.cluster.observer import Observer
from firedrill.cluster.system import Check
from firedrill.experiments.observe import catalogue, process
from firedrill.experiments.observe.watching import FIRST_SAMPLE_SECONDS
from firedrill.experiments.observe.writer import so_far
from firedrill.experiments.run.doctor import schema
from firedrill.inventories.access import Access

STEP_S = 0.5


def checks(access: Access) -> list[Check]:
    """The probes' tables, and every observer for a moment."""
    rows = catalogue.usual(access)
    with schema.usable(access) as tables, tempfile.TemporaryDirectory() as folder:
        seen = _samples(rows, access, Path(folder))
    found = [Check(row.name, *seen[row.name], row.needed_for) for row in rows]
    without = [catalogue.all_of(access)[name] for name in catalogue.left_out(access)]
    return [
        tables,
        *found,
        *(Check(row.name, None, "the inventory has none, or excludes it", row.needed_for) for row in without),
    ]


def _samples(rows: Sequence[Observer], access: Access, folder: Path) -> dict[str, tuple[bool, str]]:
    """What each observer's first samples show, waited for until all are well."""
    running: list[process.Popen] = []
    try:
        for row in rows:
            running.append(process.start(row.name, access, folder / row.name))
        deadline = time.monotonic() + FIRST_SAMPLE_SECONDS
        while True:
            time.sleep(STEP_S)
            seen = {row.name: row.check(access, so_far(folder / row.name)) for row in rows}
            if all(works for works, _ in seen.values()) or time.monotonic() > deadline:
                return seen
    finally:
        process.stop(running)
