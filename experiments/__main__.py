"""The `experiments` command: list, show, run and judge drills, one or all of them."""

import json
import random
import signal
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firedrill.experiments.catalogue import EXPERIMENTS, QUICK, find
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.verdict import summarise
from firedrill.experiments.report import suite as suites
from firedrill.experiments.report import suite_page
from firedrill.experiments.report.journal import journal as journal_of
from firedrill.experiments.report.junit import write as write_junit
from firedrill.experiments.report.summary import write_summary
from firedrill.experiments.run import runner, unattended
from firedrill.experiments.run.doctor import examine
from firedrill.faults.ledger import only_one
from firedrill.inventories.access import access
from firedrill.inventories.command import group, tell
from firedrill.inventories.errors import Problem, one_line

EXIT = {"pass": 0, "fail": 1, "unknown": 3}
COLOURS = {"pass": "green", "fail": "red", "unknown": "yellow"}


@group(access)
def cli() -> None:
    """Fire drills: load, a fault, what was measured, and a verdict."""


@cli.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(as_json: bool) -> None:
    """List every experiment with about what it takes."""
    rows = [{"name": it.name, "title": it.title, "cost_s": it.cost_s} for it in EXPERIMENTS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table("experiment", "what happens", "takes about")
    for row in rows:
        table.add_row(row["name"], row["title"], f"{row['cost_s']:g} s")
    Console().print(table)


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True)
def show(name: str, as_json: bool) -> None:
    """Show one experiment: question, hypothesis, steps, expectations."""
    it = find(name)
    if as_json:
        steps, expectations = [str(step) for step in it.steps], [vars(expect) for expect in it.expectations]
        row = {"name": it.name, "title": it.title, "question": it.question, "hypothesis": it.hypothesis}
        row |= {"load": it.load, "settings": dict(it.settings), "one_proxy": it.one_proxy, "needs": it.needs}
        row |= {"cost_s": it.cost_s, "steps": steps, "expectations": expectations}
        click.echo(json.dumps(row, indent=1, default=vars))
        return
    click.echo(f"{it.name}: {it.title}\n\n{it.question}\n\nHypothesis: {it.hypothesis}\n\nLoad: {it.load}")
    if it.settings:
        click.echo(f"Patroni's settings: {json.dumps(dict(it.settings), default=str)}")
    if it.one_proxy:
        click.echo("Clients go to the first proxy, as if there were no floating address.")
    click.echo("Steps:")
    for number, step in enumerate(it.steps, 1):
        click.echo(f"  {number}. {step}")
    click.echo("Expected:")
    for expect in it.expectations:
        click.echo(f"  - {expect.name}")


@cli.command()
@click.argument("name")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Run it so often.")
@click.option("--seed", type=int, help="For all that is left to chance; a random one, recorded.")
@click.option("--reports", type=click.Path(file_okay=False, path_type=Path), default="reports", show_default=True)
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def run(get, name: str, repeat: int, seed: int | None, reports: Path, as_json: bool) -> int:
    """Run an experiment and judge it. Exit 0: held, 1: fell short, 2: the lab or the usage failed, 3: inconclusive."""
    experiment = find(name)
    ways = get()
    _end_in_good_order()
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    verdicts, folders = [], []
    with only_one(ways.inventory):
        for number in range(repeat):
            folder = _folder(reports, name)
            folders.append(folder)
            if repeat > 1:
                tell(f"run {number + 1} of {repeat}")
            verdicts.append(runner.Run(experiment, ways, seed=seed + number, folder=folder, tell=tell).run())
    summary = summarise(verdicts)
    if repeat > 1:
        place = _folder(reports, f"{name}-x{repeat}")
        write_summary(verdicts, summary, place)
        folders.append(place)
    if as_json:
        rows = [verdict | {"report": str(folder)} for verdict, folder in zip(verdicts, folders, strict=False)]
        click.echo(json.dumps(rows[0] if repeat == 1 else {"summary": summary, "runs": rows}, indent=1))
    else:
        for verdict, folder in zip(verdicts, folders, strict=False):
            print_verdict(verdict, folder)
        if repeat > 1:
            print_summary(summary, folders[-1])
    return EXIT[summary["verdict"]]


def _end_in_good_order() -> None:
    """Ctrl-C and SIGTERM heal, and clear up, first."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts us in the background ignores it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())


def _folder(reports: Path, name: str) -> Path:
    """A new folder named after the time and the experiment. Raises Problem."""
    return _new_folder(reports, f"{_stamp()}-{name}")


def _new_folder(reports: Path, name: str) -> Path:
    for extra in ("", *(f"-{n}" for n in range(2, 100))):
        folder = reports / f"{name}{extra}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise Problem(f"{folder} cannot be made ({error.strerror})", "name another place with --reports") from None
        return folder
    raise Problem(f"{reports} has a hundred folders of this second", "wait a second")


@cli.command("suite")
@click.option("--only", metavar="NAME,...", help="Only these, in this order.")
@click.option("--quick", is_flag=True, help="Only the few that tell most in a quarter of an hour.")
@click.option("--seed", type=int, help="For all that is left to chance; a random one, recorded.")
@click.option("--reports", type=click.Path(file_okay=False, path_type=Path), default="reports", show_default=True)
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML, too.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def suite_(
    get, only: str | None, quick: bool, seed: int | None, reports: Path, junit: Path | None, as_json: bool
) -> int:
    """Run all experiments, unattended, past any that fails. Exit 0: all held, 1: one fell short, 2: one could not be
    run, 3: inconclusive."""
    names = only.split(",") if only else QUICK if quick else list(EXPERIMENTS)
    wanted = [find(name.strip()) for name in names]
    ways = get()
    _end_in_good_order()
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    folder = _new_folder(reports, f"suite-{_stamp()}")
    with only_one(ways.inventory):
        found = unattended.run(wanted, ways, seed=seed, folder=folder, tell=tell)
    page = suites.load([folder])
    suite_page.write(page, None, folder)
    if junit:
        write_junit(page, junit)
    if as_json:
        click.echo(json.dumps(found | {"report": str(folder)}, indent=1))
    else:
        print_suite(page, folder)
    return unattended.exit_code(found)


@cli.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def doctor(get, as_json: bool) -> int:
    """Try every way into the cluster; say what cannot be observed, and which experiments that costs. Exit 1: some."""
    ways = get()
    _end_in_good_order()
    with only_one(ways.inventory):
        found = examine(ways)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        print_examined(found)
    return int(any(check["ok"] is False for check in found["checks"]))


def print_examined(found: dict) -> None:
    """The doctor's tables."""
    marks = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]none[/]"}
    table = Table("tried", "holds", "found", "needed for")
    for check in found["checks"]:
        table.add_row(check["what"], marks[check["ok"]], escape(check["found"]), check["needed_for"])
    drills = Table("experiment", "can be run", "why not in full")
    for row in found["experiments"]:
        drills.add_row(row["experiment"], row["can"], escape("; ".join(row["why"])))
    console = Console(highlight=False)
    console.print(table)
    console.print(drills)


@cli.command()
@click.argument("events", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--report", type=click.Path(file_okay=False, path_type=Path), help="Write verdict and report there too.")
@click.option("--json", "as_json", is_flag=True)
def judge(events: Path, report: Path | None, as_json: bool) -> int:
    """Judge recorded EVENTS again."""
    if report:
        report.mkdir(parents=True, exist_ok=True)
    try:
        verdict = runner.judge_file(events, report)
    except ValueError as error:
        raise Problem(f"{events} cannot be judged ({error})", "is it the events.jsonl of a run?") from None
    if as_json:
        click.echo(json.dumps(verdict, indent=1))
    else:
        print_verdict(verdict, report)
    return EXIT[verdict["verdict"]]


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--suite", "as_suite", is_flag=True, help="All of them on one page: suite.html, suite.md.")
@click.option(
    "--since", type=click.Path(exists=True, file_okay=False, path_type=Path), help="An earlier suite to compare."
)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Where the page goes; the first FOLDER.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML, too.")
@click.option("--json", "as_json", is_flag=True)
def report(
    folders: tuple[Path, ...], as_suite: bool, since: Path | None, to: Path | None, junit: Path | None, as_json: bool
) -> int:
    """Write reports anew: of the run in each FOLDER, or of all runs and suites in FOLDERS on one page."""
    if not as_suite:
        if since or to or junit:
            raise Problem("--since, --to and --junit are about a suite", "add --suite")
        for folder in folders:
            _judged(folder, folder)
            click.echo(folder / "report.html")
        return 0
    found = suites.load(folders)
    place = to or folders[0]
    suite_page.write(found, suites.load([since]) if since else None, place)
    if junit:
        write_junit(found, junit)
    if as_json:
        rows = [{"experiment": row.experiment, "verdict": row.verdict, "why": list(row.why)} for row in found.rows]
        click.echo(json.dumps({"verdict": found.verdict, "counts": found.counts, "rows": rows}, indent=1))
    else:
        click.echo(f"{found.verdict}: {', '.join(f'{n} {name}' for name, n in found.counts.items())}")
        click.echo(place / "suite.html")
    return 0


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="Where it goes; FOLDER/journal.json.")
def journal(folder: Path, to: Path | None) -> None:
    """Export the run in FOLDER as a journal of the Chaos Toolkit."""
    verdict = _judged(folder, None)
    file = to or folder / "journal.json"
    file.write_text(json.dumps(journal_of(load_events(folder / "events.jsonl"), verdict), indent=1) + "\n")
    click.echo(file)


def _judged(folder: Path, place: Path | None) -> dict:
    """The verdict of the run in a folder; the report is written to `place`. Raises Problem."""
    events = folder / "events.jsonl"
    try:
        return runner.judge_file(events, place)
    except (ValueError, OSError) as error:
        raise Problem(f"{events} cannot be judged ({error})", "is it the folder of a run?") from None


def print_verdict(verdict: dict, folder: Path | None) -> None:
    """The summary on a terminal."""
    console = Console(highlight=False)
    colour = COLOURS[verdict["verdict"]]
    console.print(f"\n[bold]{verdict['title']}[/]: [bold {colour}]{verdict['verdict'].upper()}[/]")
    phases = verdict["phases"]
    parts = ", ".join(f"{name} {_s(phases[f'{name}_ms'])}" for name in ("detect", "promote", "route"))
    console.print(
        f"  write outage (RTO)  {_s(verdict['rto_ms'])}  ({parts}; 95 % of the load after {_s(phases['recover95_ms'])})"
    )
    console.print(
        f"  writes              {_n(verdict['acked'])} acked, {_n(verdict['lost'])} lost, "
        f"{_n(verdict['ghost'])} ghost, {_n(verdict['unknown_writes'])} unknown"
    )
    console.print(f"  two primaries       {_s(verdict['dual_primary_ms'])}")
    console.print(
        f"  users               {_n(verdict['user_errors'])} errors in {_n(verdict['user_requests'])} requests"
    )
    for sentence in verdict["why"]:
        console.print(f"  [{colour}]•[/] {sentence}")
    if folder:
        console.print(f"  report              {folder / 'report.html'}")


def print_suite(suite: suites.Suite, folder: Path) -> None:
    """One row per experiment, with the same figures as the page."""
    table = Table(*suite_page.TERMINAL_COLUMNS)
    for name, verdict, *cells in suite_page.terminal_rows(suite):
        colour = COLOURS.get(verdict, "red" if verdict == "error" else "dim")
        table.add_row(name, f"[{colour}]{verdict}[/]", *map(escape, cells))
    Console(highlight=False).print(table)
    click.echo(f"  suite {folder / 'suite.html'}")


def print_summary(summary: dict, folder: Path) -> None:
    """The spread of a repeated run."""
    Console(highlight=False).print(f"\n[bold]all runs[/]: {summary['verdict'].upper()}")
    rto = summary["rto_ms"]
    click.echo(
        f"  RTO  minimum {_s(rto['min'])}, median {_s(rto['median'])}, maximum {_s(rto['max'])}\n"
        f"  report {folder / 'summary.html'}"
    )


def _s(ms: float | None) -> str:
    return "not observed" if ms is None else f"{ms / 1000:.2f} s"


def _n(count: int | None) -> str:
    return "?" if count is None else str(count)


main = one_line(cli, "experiments")

if __name__ == "__main__":
    main()
