"""Write the report of a run: report.md with its picture, and report.html, a single file that needs nothing else.

Nothing is judged here: every sentence comes from the findings and the verdict, and what was not observed is
called that. Times are seconds from the first fault's injection, and UTC.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from firedrill.experiments.judge.facts import FaultEvent, Note, Run
from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.schema import Level, Verdict
from firedrill.experiments.report import alerts, other_plots, pictures, timeline_plot, turning_points
from firedrill.experiments.report.caveats import durability_note
from firedrill.experiments.report.clock import Clock
from firedrill.experiments.report.excerpts import clocks, excerpts
from firedrill.experiments.report.figure_tables import level, users
from firedrill.experiments.report.headline import SENTENCES, WORDS, expectation, tiles
from firedrill.experiments.report.palette import DARK, LIGHT, THEMED, css
from firedrill.experiments.report.render import render
from firedrill.experiments.report.roles import stages
from firedrill.experiments.report.sentences import analysis, shares
from firedrill.inventories.printable import printable


def write_report(findings: Findings, verdict: Verdict, folder: Path) -> None:
    """Write report.md, report.png and report.html of a judged run into a folder, which is created if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    page = content(findings, verdict) | {"commands": commands(findings.run, folder)}
    pictures.png(timeline_plot.figure(findings), folder / "report.png")
    drawn = {name: picture(findings, name) for name in ("wide", "narrow")}
    if verdict.levels:
        pictures.png(other_plots.levels_plot(verdict.levels), folder / "levels.png")
    for name in ("wide", "narrow"):
        drawn[f"levels_{name}"] = curve(verdict.levels, name) if verdict.levels else Markup("")
    palettes = {"light": css(LIGHT), "dark": css(DARK)}
    (folder / "report.md").write_text(render("report.md.j2", page), encoding="utf-8")
    (folder / "report.html").write_text(render("report.html.j2", page | drawn | palettes), encoding="utf-8")


def picture(findings: Findings, name: str) -> Markup:
    """The plot over time in the page's colours; `wide` or `narrow`."""
    drawn = timeline_plot.figure(findings, THEMED, narrow=name == "narrow")
    title = str(Markup.escape(printable(f"{findings.run.title}: the run over time")))
    return Markup(pictures.svg(drawn, f"plot-{name}", title))


def curve(levels: Sequence[Level], name: str) -> Markup:
    """The curve over levels in the page's colours; `wide` or `narrow`."""
    drawn = other_plots.levels_plot(levels, THEMED, narrow=name == "narrow")
    text = pictures.svg(drawn, f"levels-{name}", "Rates and latencies by level")
    return Markup(text.replace('class="levels-', 'class="plot-'))


def content(findings: Findings, verdict: Verdict) -> dict[str, Any]:
    """Everything the templates show."""
    clock, run = Clock(findings.fault_at or findings.began), findings.run
    names = {host.name for host in run.hosts}
    return {
        "verdict": verdict,
        "word": WORDS[verdict.verdict],
        "sentence": SENTENCES[verdict.verdict],
        "tiles": tiles(verdict, {"lost": durability_note(findings)}),
        "question": run.question,
        "hypothesis": run.hypothesis,
        "when": clock.day(run.t),
        "stages": stages(findings),
        "actions": actions(findings, clock),
        "steps": run.steps,
        "expectations": [expectation(entry, verdict) for entry in verdict.expectations],
        "alerts": alerts.table(verdict),
        "levels": [level(entry) for entry in verdict.levels],
        "users": users(verdict),
        "excerpts": excerpts(findings.logs, clock, names),
        "clocks": clocks(findings.logs),
        "turns": turning_points.rows(turning_points.turns(findings), clock, names),
        "shares": shares(verdict),
        "analysis": analysis(findings, verdict, clock),
        "notes": [*(note.text for note in findings.notes), *verdict.notes],
        "tables": [
            ("Versions", table(run.versions)),
            ("Settings", table(run.profile)),
            ("Controller and hosts", table(machine(run))),
        ],
        "seed": verdict.seed,
        "backend": run.backend,
        "inventory": run.inventory,
        "load": load(run.load),
    }


def machine(run: Run) -> dict[str, Any]:
    """What the run was made on; its figures depend on it."""
    kinds = [run.providers.get(host.name, "existing machine") for host in run.hosts] if run.providers else []
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return dict(run.machine) | ({"hosts": counted} if counted else {})


def load(known: Mapping[str, Any]) -> str:
    """The load as text."""
    return known.get("text") or ", ".join(f"{key} {value}" for key, value in known.items()) or "none"


def commands(run: Run, folder: Path) -> list[str]:
    """The commands that repeat the run and that judge its events again, typed at the root of the repository."""
    inventory = run.inventory or ""
    where = f"-i {inventory if '/' in inventory else f'inventories/{inventory}'} " if inventory else ""
    chance = f" --seed {run.seed}" if run.seed is not None else ""
    means = f" --backend {run.backend}" if run.backend else ""
    return [f"experiments {where}run {run.experiment}{chance}{means}", f"experiments judge {folder / 'events.jsonl'}"]


def actions(findings: Findings, clock: Clock) -> list[dict[str, str]]:
    """Every step, and every phase of a fault with its exact commands or its evidence."""
    recorded: list[Note | FaultEvent] = [*findings.steps, *findings.fault_events]
    return [
        {"since": clock.since(one.t), "utc": clock.utc(one.t)} | _action(one)
        for one in sorted(recorded, key=lambda one: one.t)
    ]


def _action(one: Note | FaultEvent) -> dict[str, str]:
    if isinstance(one, Note):
        return {"what": one.text, "detail": ""}
    what = f"{one.phase.replace('_', ' ')}: {one.fault.replace('_', ' ')} of {_whom(one)}"
    return {"what": what, "detail": one.detail or ""}


def _whom(event: FaultEvent) -> str:
    host, target = event.host, event.target
    return f"{host} ({target})" if host and target and host != target else str(host or target)


def table(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in values.items()]
