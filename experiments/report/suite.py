"""Read the results of many runs: those of a suite, and single runs. Nothing is judged again."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.report.again import ends
from firedrill.inventories.errors import Problem

VERDICTS = ("fail", "error", "unknown", "skipped", "pass")  # the worst first
FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One experiment of a suite: its result, and the verdict of its run if there is one."""

    experiment: str
    verdict: str
    why: tuple[str, ...]
    folder: Path | None
    seconds: float | None
    figures: Verdict | None = None


@dataclass(frozen=True)
class Suite:
    """Runs that belong together. `began` and `ended` are ISO 8601, or empty."""

    folder: Path
    rows: tuple[Row, ...]
    began: str = ""
    ended: str = ""
    inventory: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    left: str = ""  # what kept the cluster from its steady state at the end

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(row.verdict for row in self.rows)
        return {verdict: found[verdict] for verdict in reversed(VERDICTS) if found[verdict]}

    @property
    def verdict(self) -> str:
        """The worst of all rows. A suite without rows, or with skipped ones only, is inconclusive."""
        found = {row.verdict for row in self.rows}
        worst = next((verdict for verdict in VERDICTS if verdict in found), "unknown")
        return {"skipped": "unknown" if found == {"skipped"} else "pass"}.get(worst, worst)


def load(folders: Sequence[Path]) -> Suite:
    """The runs of all folders: of suites (with a suite.json) and of single runs. Raises Problem."""
    suites = [_suite(folder) if (folder / "suite.json").exists() else _single(folder) for folder in folders]
    rows = tuple(row for suite in suites for row in suite.rows)
    began = min((suite.began for suite in suites if suite.began), default="")
    ended = max((suite.ended for suite in suites if suite.ended), default="")
    inventories = ", ".join(dict.fromkeys(suite.inventory for suite in suites if suite.inventory))
    versions = {name: value for suite in suites for name, value in suite.versions.items()}
    left = "; ".join(suite.left for suite in suites if suite.left)
    return Suite(folders[0], rows, began, ended, inventories, versions, left)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Problem(f"{file} cannot be read ({error})", "name the folder of a run or of a suite") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Problem(f"{file} is not of format {FORMAT}", "it was written by another version")
    return found


def _verdict(file: Path) -> Verdict:
    try:
        return Verdict.from_json(_json(file))
    except ValueError as error:
        raise Problem(f"{file} is not a verdict ({error})", "it was written by another version") from None


def _suite(folder: Path) -> Suite:
    known = _json(folder / "suite.json")
    try:
        rows = tuple(_row(folder, row) for row in known["rows"])
    except (KeyError, TypeError) as error:
        raise Problem(
            f"{folder / 'suite.json'} has a row without {error}", "it was written by another version"
        ) from None
    return Suite(
        folder,
        rows,
        began=moment(known.get("began")),
        ended=moment(known.get("ended")),
        inventory=str(known.get("inventory") or ""),
        versions=known.get("versions") or {},
        left=known.get("detail") or "",
    )


def _row(folder: Path, row: Mapping[str, Any]) -> Row:
    place = folder / row["report"] if row.get("report") else None
    file = folder / row["verdict_file"] if row.get("verdict_file") else place / "verdict.json" if place else None
    figures = _verdict(file) if file and file.is_file() else None
    verdict = row["verdict"] if row["verdict"] in VERDICTS else "error"
    return Row(row["experiment"], verdict, tuple(row.get("why") or ()), place, row.get("seconds"), figures)


def _single(folder: Path) -> Suite:
    found = _verdict(folder / "verdict.json")
    run, end = ends(folder / "events.jsonl")
    seconds = (end["t"] - run["t"]) / 1e9 if run and end else None
    row = Row(found.experiment, found.verdict, found.why, folder, seconds, found)
    began, ended = (moment(event.get("t")) for event in (run, end))
    return Suite(folder, (row,), began, ended, run.get("inventory") or "", found.versions or {})


def moment(value: Any) -> str:
    """An ISO 8601 time in UTC to the second, from one or from ns since the epoch; empty for null."""
    if not value:
        return ""
    if isinstance(value, int | float):
        found = datetime.fromtimestamp(value / 1e9 if value > 1e12 else value, UTC)
    else:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    return found.strftime("%Y-%m-%dT%H:%M:%SZ")
