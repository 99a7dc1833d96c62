"""Judge recorded events, and write verdict and report: at the end of a run, and again at any later time.

A crash of the judge or of the report makes the verdict *unknown*, never *fail*; the traceback goes to the caller and
into the report. This is the only module of this room that opens recordings: all others read findings and verdicts.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from firedrill.experiments.judge.findings import Findings, find
from firedrill.experiments.judge.recording import load
from firedrill.experiments.judge.verdict import Verdict, crashed, judge
from firedrill.experiments.report.plain import write_plain

Crash = Callable[[str, BaseException], None]


def findings_of(events_file: Path) -> Findings:
    """What a recording shows. ValueError if the events are not those of one run."""
    return find(load(events_file))


def judge_file(events_file: Path, folder: Path | None, on_crash: Crash) -> Verdict:
    """Judge recorded events; with a folder, write verdict and report there. ValueError if they are not one run's."""
    rec = load(events_file)
    try:
        findings = find(rec)
        verdict = judge(findings)
    except Exception as error:  # noqa: BLE001 - a crash of the judge is *unknown*
        on_crash("The judge", error)
        return undecided(rec.of("runner", "run")[0], "The judge", error, folder)
    return write(findings, verdict, folder, on_crash) if folder else verdict


def write(findings: Findings, verdict: Verdict, folder: Path, on_crash: Crash) -> Verdict:
    """Write verdict.json and the report; return the verdict, which cannot be *pass* if the report crashed."""
    _write_verdict(verdict, folder)
    try:
        from firedrill.experiments.report import page  # with Matplotlib, which takes half a second to import

        page.write_report(findings, verdict, folder)
    except Exception as error:  # noqa: BLE001 - the same for the report
        on_crash("The report", error)
        why = (*crashed({}, "The report", error).why, *verdict.why)
        verdict = replace(verdict, verdict="fail" if verdict.verdict == "fail" else "unknown", why=why)
        _write_verdict(verdict, folder)
        write_plain(verdict, error, folder)
    return verdict


def undecided(run: Mapping[str, Any], part: str, error: BaseException, folder: Path | None) -> Verdict:
    """The verdict *unknown* on a run that could not be judged; with a folder, write it and a plain report there."""
    verdict = crashed(run, part, error)
    if folder:
        _write_verdict(verdict, folder)
        write_plain(verdict, error, folder)
    return verdict


def _write_verdict(verdict: Verdict, folder: Path) -> None:
    (folder / "verdict.json").write_text(json.dumps(verdict.to_json(), indent=1) + "\n", encoding="utf-8")


def ends(events_file: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The first and the last event of a recording; empty if there is no file."""
    lines = events_file.read_text(encoding="utf-8").splitlines() if events_file.is_file() else []
    return (json.loads(lines[0]), json.loads(lines[-1])) if lines else ({}, {})
