"""Judge recorded events, and write verdict and report: at the end of a run, and again at any later time.

The promise: a crash of the judge or of the report makes the verdict *unknown*, and the traceback goes to the
caller. A crash is never a verdict *fail*, and hides none.
"""

import html
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firedrill.experiments.judge.recording import FORMAT, load_events
from firedrill.experiments.judge.verdict import judge
from firedrill.experiments.report.page import write_report

# Everything a verdict measures (docs/events.md), null where the judge crashed.
FIGURES = (
    "rto_ms", "read_outage_ms", "acked", "failed", "lost", "lost_ids", "ghost", "unknown_writes", "dual_primary_ms",
    "dual_primary", "before", "during", "levels", "write_errors", "read_errors", "errors_after_heal", "leader_changes",
    "rejoin_ms", "sync_replaced_ms", "caught_up_ms", "caught_up_by", "down_after_ms", "back_after_heal_ms", "diverged",
    "diverged_timelines", "user_errors", "user_requests", "leader_before", "leader_after", "timeline_before",
    "timeline_after", "tcp", "fault_at", "predicted", "steady_before", "steady_after",
)  # fmt: skip
PHASES = ("detect_ms", "promote_ms", "route_ms", "recover95_ms")


Crash = Callable[[str, BaseException], None]


def judge_file(events_file: Path, folder: Path | None, on_crash: Crash) -> dict[str, Any]:
    """Judge recorded events; with a folder, write verdict and report there. ValueError if they are not a run's."""
    events = load_events(events_file)
    try:
        verdict = judge(events)
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001 - a crash of the judge is *unknown*
        on_crash("The judge", error)
        verdict = undecided(events, "The judge", error)
    return verdict if folder is None else write(events, verdict, folder, on_crash)


def write(events: list[dict[str, Any]], verdict: dict[str, Any], folder: Path, on_crash: Crash) -> dict[str, Any]:
    """Write verdict.json and the report; return the verdict, which cannot be *pass* if the report crashed."""
    _write_verdict(verdict, folder)
    try:
        write_report(events, verdict, folder)
    except Exception as error:  # noqa: BLE001 - the same of the report
        on_crash("The report", error)
        worst = "fail" if verdict["verdict"] == "fail" else "unknown"
        verdict = verdict | {"verdict": worst, "why": [_sentence("The report", error), *verdict["why"]]}
        _write_verdict(verdict, folder)
        _write_plain_report(verdict, error, folder)
    return verdict


def undecided(events: list[dict[str, Any]], part: str, error: BaseException) -> dict[str, Any]:
    """The verdict of a run that could not be judged: *unknown*, every figure null, and why."""
    run = next((e for e in events if (e.get("source"), e.get("kind")) == ("runner", "run")), {})
    name = run.get("experiment") or "unknown"
    return {
        "format": FORMAT,
        "experiment": name,
        "title": run.get("title") or name,
        "verdict": "unknown",
        "why": [_sentence(part, error)],
        **dict.fromkeys(FIGURES),
        "phases": dict.fromkeys(PHASES),
        "expectations": [],
        "alerts": [],
        "seed": run.get("seed"),
        "versions": run.get("versions"),
    }


def _sentence(part: str, error: BaseException) -> str:
    return f"{part} crashed ({type(error).__name__}: {error}): this is a defect of Firedrill; please report it."


def _write_verdict(verdict: dict[str, Any], folder: Path) -> None:
    (folder / "verdict.json").write_text(json.dumps(verdict, indent=1) + "\n")


def _write_plain_report(verdict: dict[str, Any], error: BaseException, folder: Path) -> None:
    """A report without pictures, of a run whose own could not be made."""
    trace = "".join(traceback.format_exception(error))
    head = f"{verdict['title']}: {verdict['verdict'].upper()}"
    lines = [f"# {head}", "", *(f"- {sentence}" for sentence in verdict["why"]), "", "```", trace, "```", ""]
    (folder / "report.md").write_text("\n".join(lines))
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in verdict["why"])
    page = f"<!doctype html><meta charset=utf-8><title>{html.escape(head)}</title><h1>{html.escape(head)}</h1>"
    (folder / "report.html").write_text(f"{page}<ul>{items}</ul><pre>{html.escape(trace)}</pre>\n")
