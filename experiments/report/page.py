"""Write the report of a run: report.md with its picture, and report.html, a single file that needs nothing else.

Nothing is judged here: every sentence comes from the recording and the verdict, and what was not observed is
called that. Times are seconds from the first fault's injection, and UTC.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firedrill.experiments.judge.recording import Recording, record
from firedrill.experiments.report import other_plots, pictures, timeline_plot, turning_points
from firedrill.experiments.report.clock import Clock
from firedrill.experiments.report.excerpts import clocks, excerpts
from firedrill.experiments.report.figure_tables import level, users
from firedrill.experiments.report.headline import SENTENCES, WORDS, expectation, tiles
from firedrill.experiments.report.palette import DARK, LIGHT, THEMED, css
from firedrill.experiments.report.render import render
from firedrill.experiments.report.roles import stage
from firedrill.experiments.report.sentences import analysis, shares


def write_report(events: list[dict], verdict: dict[str, Any], folder: Path) -> None:
    """Write report.md, report.png and report.html of a judged run into a folder, which is created if missing."""
    rec = record(events)
    folder.mkdir(parents=True, exist_ok=True)
    page = content(rec, verdict) | {"commands": commands(rec.run, folder)}
    pictures.png(timeline_plot.figure(rec), folder / "report.png")
    drawn = {name: picture(rec, name, verdict["title"]) for name in ("wide", "narrow")}
    levels = verdict.get("levels") or []
    if levels:
        pictures.png(other_plots.levels_plot(levels), folder / "levels.png")
    for name in ("wide", "narrow"):
        drawn[f"levels_{name}"] = curve(levels, name) if levels else Markup("")
    palettes = {"light": css(LIGHT), "dark": css(DARK)}
    (folder / "report.md").write_text(render("report.md.j2", page), encoding="utf-8")
    (folder / "report.html").write_text(render("report.html.j2", page | drawn | palettes), encoding="utf-8")


def picture(rec: Recording, name: str, title: str) -> Markup:
    """The plot over time in the page's colours; `wide` or `narrow`."""
    drawn = timeline_plot.figure(rec, THEMED, narrow=name == "narrow")
    return Markup(pictures.svg(drawn, f"plot-{name}", str(Markup.escape(f"{title}: the run over time"))))


def curve(levels: Sequence[dict], name: str) -> Markup:
    """The curve over levels in the page's colours; `wide` or `narrow`."""
    drawn = other_plots.levels_plot(levels, THEMED, narrow=name == "narrow")
    text = pictures.svg(drawn, f"levels-{name}", "Rates and latencies by level")
    return Markup(text.replace('class="levels-', 'class="plot-'))


def content(rec: Recording, verdict: dict[str, Any]) -> dict[str, Any]:
    """Everything the templates show."""
    clock = Clock(rec.fault_at or rec.events[0]["t"])
    run = rec.run
    names = {host["name"] for host in run["topology"]}
    return {
        "verdict": verdict,
        "word": WORDS[verdict["verdict"]],
        "sentence": SENTENCES[verdict["verdict"]],
        "tiles": tiles(verdict),
        "question": run.get("question"),
        "hypothesis": run.get("hypothesis"),
        "when": clock.day(run["t"]),
        "stages": [("Before", stage(rec, "before")), ("After", stage(rec, "after"))],
        "actions": actions(rec, clock),
        "steps": run.get("steps") or [],
        "expectations": [expectation(entry, verdict) for entry in verdict["expectations"]],
        "levels": [level(entry) for entry in verdict.get("levels") or []],
        "users": users(verdict),
        "excerpts": excerpts(rec, clock),
        "clocks": clocks(rec),
        "turns": turning_points.rows(turning_points.turns(rec, verdict), clock, names),
        "shares": shares(verdict),
        "analysis": analysis(rec, verdict, clock),
        "notes": [e["text"] for e in rec.of("runner", "note")],
        "tables": [("Versions", table(run.get("versions"))), ("Settings", table(run.get("profile")))],
        "seed": verdict.get("seed"),
        "inventory": run.get("inventory"),
        "load": load(run.get("load") or {}),
    }


def load(known: Mapping[str, Any]) -> str:
    """The load as text."""
    return known.get("text") or ", ".join(f"{key} {value}" for key, value in known.items()) or "none"


def commands(run: Mapping[str, Any], folder: Path) -> list[str]:
    """The commands that repeat the run and that judge its events again, typed at the root of the repository."""
    inventory, seed = run.get("inventory") or "", run.get("seed")
    where = f"-i {inventory if '/' in inventory else f'inventories/{inventory}'} " if inventory else ""
    chance = f" --seed {seed}" if seed is not None else ""
    return [f"experiments {where}run {run['experiment']}{chance}", f"experiments judge {folder / 'events.jsonl'}"]


def actions(rec: Recording, clock: Clock) -> list[dict[str, str]]:
    """Every step, and every phase of a fault with its exact commands or its evidence."""
    found = []
    for event in rec.events:
        if event["source"] != "runner" or event["kind"] not in ("fault", "step"):
            continue
        what = event.get("text") or ""
        if event["kind"] == "fault":
            what = f"{event['phase'].replace('_', ' ')}: {event['fault'].replace('_', ' ')} of {_whom(event)}"
        detail = event.get("detail") or ""
        found.append({"since": clock.since(event["t"]), "utc": clock.utc(event["t"]), "what": what, "detail": detail})
    return found


def _whom(event: Mapping[str, Any]) -> str:
    host, target = event.get("host"), event.get("target")
    return f"{host} ({target})" if host and target and host != target else str(host or target)


def table(values: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in (values or {}).items()]
