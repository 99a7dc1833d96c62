"""The end of a run: its events in one file, the verdict, the report.

The promise: a crash here is recorded and makes the verdict *unknown*; what was recorded is never lost.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firedrill.cluster import clock
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.observe.writer import merge, so_far
from firedrill.experiments.report import again
from firedrill.experiments.run.guard import crash, describe

Tell = Callable[[str], None]


def close(parts: Path, folder: Path, tell: Tell) -> Verdict:
    """Merge the events of all `parts` into the folder, judge them, write the report; return the verdict."""
    events, ours = folder / "events.jsonl", so_far(parts / "runner.jsonl")
    run = next((event for event in ours if event["kind"] == "run"), {})

    def note(part: str, error: BaseException) -> None:
        _append(events, crash(part, error))
        tell(f"{part} crashed: {describe(error)}")

    def undecided(part: str, error: BaseException) -> Verdict:
        note(part, error)
        return again.undecided(run, part, error, folder)

    if failed := _merge(parts, events):
        return undecided("Merging the events", failed)
    tell("judging")
    try:
        return again.judge_file(events, folder, note)
    except ValueError as error:
        return undecided("The judge", error)


def _merge(parts: Path, events: Path) -> Exception | None:
    """Merge, and remove the parts. What failed: then the parts stay, and the runner's own events are saved."""
    try:
        merge(sorted(parts.glob("*.jsonl")), events)
    except Exception as error:  # noqa: BLE001 - no part may cost the run its verdict
        shutil.copy(parts / "runner.jsonl", events)
        return error
    shutil.rmtree(parts)
    return None


def _append(events: Path, fields: dict[str, Any]) -> None:
    event = {"t": clock.now(), "source": "runner", "host": None, "kind": "broken_off"} | fields
    with open(events, "a") as file:
        file.write(json.dumps(event, separators=(",", ":")) + "\n")
