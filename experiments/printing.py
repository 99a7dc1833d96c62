"""What the `experiments` command shows on a terminal."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.summary import Summary
from firedrill.experiments.model import Bound, Experiment
from firedrill.experiments.report import suite_page
from firedrill.experiments.report.suite import Suite
from firedrill.inventories.printable import printable

COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow"}


def experiments(rows: Iterable[dict[str, Any]]) -> None:
    """The list of experiments."""
    table = Table("experiment", "what happens", "takes about")
    for row in rows:
        reasons = "; ".join(row.get("not_here", ()))
        needed = ", needs monitoring" if row["monitors"] else ""
        takes = f"not on this cluster: {escape(reasons)}" if reasons else f"{row['cost_s']:g} s{needed}"
        table.add_row(row["name"], escape(row["title"]), takes)
    Console().print(table)


def experiment(it: Experiment) -> None:
    """One experiment: question, hypothesis, steps, expectations."""
    click.echo(f"{it.name}: {it.title}\n\n{it.question}\n\nHypothesis: {it.hypothesis}\n\nLoad: {it.load}")
    if it.settings:
        click.echo(f"Cluster settings: {json.dumps(dict(it.settings), default=str)}")
    if it.one_proxy:
        click.echo("Clients use the first proxy, as if there were no floating address.")
    if it.abort_when:
        click.echo(f"Abort when: {it.abort_when}")
    click.echo("Steps:")
    for number, step in enumerate(it.steps, 1):
        click.echo(f"  {number}. {step}")
    click.echo("Expected:")
    for expect in it.expectations:
        click.echo(f"  - {expect.name}")
    if it.alerts:
        click.echo("Alerts, if the inventory has monitoring:")
    for alert in it.alerts:
        within = alert.within_s if isinstance(alert.within_s, Bound) else f"{alert.within_s:g} s"
        click.echo(f"  - {alert.name} within {within}{' (optional)' if alert.optional else ''}")


def verdict(found: Verdict, folder: Path | None) -> None:
    """A run's verdict."""
    console = Console(highlight=False)
    colour, phases = COLOURS[found.verdict], found.phases
    console.print(f"\n[bold]{_safe(found.title)}[/]: [bold {colour}]{found.verdict.upper()}[/]")
    parts = f"detect {_s(phases.detect_ms)}, promote {_s(phases.promote_ms)}, route {_s(phases.route_ms)}"
    console.print(
        f"  write outage (RTO)  {_s(found.rto_ms)}  ({parts}; 95 % of the load after {_s(phases.recover95_ms)})"
    )
    console.print(
        f"  writes              {_n(found.acked)} acked, {_n(found.lost)} lost, "
        f"{_n(found.ghost)} ghost, {_n(found.unknown_writes)} unknown"
    )
    console.print(f"  two primaries       {_s(found.dual_primary_ms)}")
    not_sent = f", {_n(found.user_not_sent)} of them not sent" if found.user_not_sent else ""
    console.print(
        f"  users               {_n(found.user_errors)} errors{not_sent} in {_n(found.user_requests)} requests"
    )
    if asked := [row for row in found.alerts if row.verdict]:
        held = sum(row.verdict == "pass" for row in asked)
        others = "" if not found.alerts_unexpected else f", {found.alerts_unexpected} not expected"
        console.print(f"  alerts              {held} of {len(asked)} delivered in time{others}")
    for sentence in found.why:
        console.print(f"  [{colour}]•[/] {_safe(sentence)}")
    if folder:
        console.print(f"  report              {folder / 'report.html'}")


def summary(found: Summary, folder: Path) -> None:
    """The spread of a repeated run."""
    Console(highlight=False).print(f"\n[bold]all runs[/]: {found.verdict.upper()}")
    rto = found.rto_ms
    click.echo(
        f"  RTO  minimum {_s(rto.min)}, median {_s(rto.median)}, maximum {_s(rto.max)}\n"
        f"  report {folder / 'summary.html'}"
    )


def suite(found: Suite, folder: Path) -> None:
    """One row per experiment, with the same figures as the page."""
    table = Table(*suite_page.TERMINAL_COLUMNS)
    for name, result, *cells in suite_page.terminal_rows(found):
        colour = COLOURS.get(result, "red" if result == "error" else "dim")
        table.add_row(name, f"[{colour}]{result}[/]", *map(_safe, cells))
    Console(highlight=False).print(table)
    click.echo(f"  suite {folder / 'suite.html'}")


def examined(found: dict[str, Any]) -> None:
    """The doctor's tables."""
    marks = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]none[/]"}
    table = Table("check", "works", "found", "needed for")
    for check in found["checks"]:
        table.add_row(check["what"], marks[check["ok"]], _safe(check["found"]), escape(check["needed_for"]))
    possible = Table("experiment", "can be run", "why not in full")
    for row in found["experiments"]:
        possible.add_row(row["experiment"], row["can"], _safe("; ".join(row["why"])))
    console = Console(highlight=False)
    console.print(table)
    console.print(possible)


def _safe(text: str) -> str:
    """Text that a host or a file may have written: no markup, nothing that the terminal would obey."""
    return escape(printable(text))


def _s(ms: float | None) -> str:
    return "not observed" if ms is None else f"{ms / 1000:.2f} s"


def _n(count: int | None) -> str:
    return "?" if count is None else str(count)
