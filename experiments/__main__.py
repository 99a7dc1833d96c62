"""The `experiments` command: list, show, run and judge drills, one or many."""

import json
import random
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from firedrill.experiments import printing
from firedrill.experiments.catalogue import COUNTERPARTS, EXPERIMENTS, QUICK
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.summary import Summary, summarise
from firedrill.experiments.judge.verdict import judge as verdict_of
from firedrill.experiments.lookup import known, of_a_suite
from firedrill.experiments.model import AbortWhen, Experiment
from firedrill.experiments.parameters import Abort, ExperimentName, ExperimentNames, creatable
from firedrill.experiments.report import again, side_by_side, suite_page
from firedrill.experiments.report import suite as suites
from firedrill.experiments.report.journal import journal as journal_of
from firedrill.experiments.report.junit import write as write_junit
from firedrill.experiments.report.summary import write_summary
from firedrill.experiments.run import fit, folders, needs, unattended
from firedrill.experiments.run.doctor import examine
from firedrill.experiments.run.runner import Run
from firedrill.faults.backends.table import BACKENDS
from firedrill.inventories.access import Access, access
from firedrill.inventories.command import console_script, group, tell
from firedrill.inventories.drill_lock import only_one
from firedrill.inventories.errors import USAGE, Problem

EXIT = {"pass": 0, "fail": 1, "unknown": 3}
Found = TypeVar("Found")
GetAccess = Callable[[], Access]
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
reports_option = click.option(
    "--reports", type=FOLDER, default="reports", show_default=True, help="Folder for the results."
)
seed_option = click.option(
    "--seed", type=int, help="Seed of all random choices. By default it is random, and recorded."
)
abort_option = click.option(
    "--abort-when-errors",
    "abort_when",
    type=Abort(),
    metavar="PERCENT",
    help="Stop and heal once more than this share of requests fails: `5%` within 10 s, or `5%/30s`.",
)
junit_option = click.option("--junit", type=FILE, callback=creatable, help="Also write JUnit XML to this file.")


@group(access)
def cli() -> None:
    """Fire drills: inject a fault under load, measure what happens, judge it."""


@cli.command("list")
@as_json_option
@click.pass_context
def list_(context: click.Context, as_json: bool) -> None:
    """List all experiments with their approximate durations; with -i also why some do not apply to that cluster."""
    rows: list[dict[str, Any]] = [
        {"name": it.name, "title": it.title, "cost_s": it.cost_s, "monitors": it.needs.monitors} for it in known()
    ]
    if context.find_root().params.get("inventory"):
        here: Access = context.obj()
        rows = [row | {"not_here": needs.not_here(it, here)} for row, it in zip(rows, known(), strict=True)]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        printing.experiments(rows)


@cli.command()
@click.argument("experiment", metavar="EXPERIMENT", type=ExperimentName())
@as_json_option
def show(experiment: Experiment, as_json: bool) -> None:
    """Show one experiment: question, hypothesis, steps, expectations.

    EXPERIMENT is a name of `experiments list`, or FILE.py or FILE.py:NAME for one of your own.
    """
    it = experiment
    if not as_json:
        printing.experiment(it)
        return
    steps, expectations = [str(step) for step in it.steps], [vars(expect) for expect in it.expectations]
    row: dict[str, Any] = {"name": it.name, "title": it.title, "question": it.question, "hypothesis": it.hypothesis}
    row |= {"load": it.load, "settings": dict(it.settings), "one_proxy": it.one_proxy, "needs": it.needs}
    row |= {"cost_s": it.cost_s, "abort_when": it.abort_when, "steps": steps, "expectations": expectations}
    row |= {"alerts": [vars(alert) for alert in it.alerts]}
    click.echo(json.dumps(row, indent=1, default=vars))


@cli.command()
@click.argument("experiment", metavar="EXPERIMENT", type=ExperimentName())
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, show_default=True, help="Number of runs.")
@seed_option
@click.option(
    "--backend", type=click.Choice(sorted(BACKENDS)), help="Backend of all faults of the experiment (docs/faults.md)."
)
@abort_option
@reports_option
@as_json_option
@click.pass_obj
def run(
    get: GetAccess,
    experiment: Experiment,
    repeat: int,
    seed: int | None,
    backend: str | None,
    abort_when: AbortWhen | None,
    reports: Path,
    as_json: bool,
) -> int:
    """Run an experiment and judge it.

    EXPERIMENT is a name of `experiments list`, or FILE.py or FILE.py:NAME for one of your own.

    Exit codes: 0 all expectations held, 1 the system under test fell short, 2 usage or lab error, 3 inconclusive.
    """
    experiment = fit.by_backend(experiment, backend) if backend else experiment
    experiment = _aborted_when(abort_when, experiment)
    there = get()
    _end_in_good_order()
    first = _seed(seed)
    done: list[tuple[Verdict, Path]] = []
    try:
        with only_one(there.inventory):
            for number in range(repeat):
                if repeat > 1:
                    tell(f"run {number + 1} of {repeat}")
                folder = folders.of_run(reports, experiment.name)
                it = Run(experiment, there, seed=first + number, folder=folder, tell=tell)
                done.append((it.run(), folder))
    finally:
        summary = _show_runs(done, repeat, reports, as_json) if done else None
    assert summary, "one run or more is done, or an error was raised"
    return EXIT[summary.verdict]


def _show_runs(done: list[tuple[Verdict, Path]], repeat: int, reports: Path, as_json: bool) -> Summary:
    """Show the verdicts, and for several runs write and show their summary."""
    verdicts = [verdict for verdict, _ in done]
    summary = summarise(verdicts)
    place = folders.of_run(reports, f"{summary.experiment}-x{len(done)}") if repeat > 1 else None
    if place:
        write_summary(verdicts, summary, place)
    if as_json:
        rows = [verdict.to_json() | {"report": str(folder)} for verdict, folder in done]
        click.echo(json.dumps({"summary": summary.to_json(), "runs": rows} if repeat > 1 else rows[0], indent=1))
        return summary
    for verdict, folder in done:
        printing.verdict(verdict, folder)
    if place:
        printing.summary(summary, place)
    return summary


def _end_in_good_order() -> None:
    """Ctrl-C and SIGTERM heal and clean up first."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for a background process
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def _aborted_when(given: AbortWhen | None, experiment: Experiment) -> Experiment:
    """The experiment with the stop condition of the command line, if there is one."""
    return replace(experiment, abort_when=given) if given else experiment


def _seed(given: int | None) -> int:
    return random.SystemRandom().randrange(2**31) if given is None else given


@cli.command("suite")
@click.option("--only", metavar="EXPERIMENT,...", type=ExperimentNames(), help="Only these experiments, in this order.")
@click.option("--quick", is_flag=True, help="Only the most informative ones, about seven minutes.")
@seed_option
@abort_option
@reports_option
@junit_option
@as_json_option
@click.pass_obj
def suite_(
    get: GetAccess,
    only: list[Experiment] | None,
    quick: bool,
    seed: int | None,
    abort_when: AbortWhen | None,
    reports: Path,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Run all experiments that apply to this cluster, unattended; continue after one that fails.

    Exit codes: 0 all passed, 1 one failed, 2 one could not be run, 3 inconclusive.
    """
    if only and quick:
        raise click.UsageError("--only and --quick exclude each other.")
    there = get()
    usual = [EXPERIMENTS[name] for name in QUICK] if quick else of_a_suite()
    chosen = only or [it for it in usual if not needs.of_system(it, there)]
    wanted = [_aborted_when(abort_when, it) for it in chosen]
    _end_in_good_order()
    folder = folders.of_suite(reports)
    with only_one(there.inventory):
        found = unattended.run(wanted, there, seed=_seed(seed), folder=folder, tell=tell)
    page = suites.load([folder])
    suite_page.write(page, None, folder)
    if junit:
        write_junit(page, junit)
    if as_json:
        click.echo(json.dumps(found | {"report": str(folder)}, indent=1))
    else:
        printing.suite(page, folder)
    return unattended.exit_code(found)


@cli.command()
@as_json_option
@click.pass_obj
def doctor(get: GetAccess, as_json: bool) -> int:
    """Test every access to the cluster; show what cannot be observed, and which experiments that affects.

    Exit codes: 0 everything in the inventory works, 2 something does not.
    """
    there = get()
    _end_in_good_order()
    with only_one(there.inventory):
        found = examine(there)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        printing.examined(found)
    return USAGE if any(check["ok"] is False for check in found["checks"]) else 0


@cli.command()
@click.argument("events", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--report", type=FOLDER, help="Also write verdict and report to this folder.")
@as_json_option
def judge(events: Path, report: Path | None, as_json: bool) -> int:
    """Judge recorded EVENTS again. The exit codes are those of `run`."""
    if report:
        try:
            report.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Problem(f"{report} cannot be created ({error.strerror})", "name another folder") from None
    verdict = _judged(events, report)
    if as_json:
        click.echo(json.dumps(verdict.to_json(), indent=1))
    else:
        printing.verdict(verdict, report)
    return EXIT[verdict.verdict]


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--suite", "as_suite", is_flag=True, help="All of them on one page: suite.html, suite.md.")
@click.option(
    "--since", type=click.Path(exists=True, file_okay=False, path_type=Path), help="An earlier suite to compare with."
)
@click.option("--to", type=FOLDER, help="Folder for the page; the first FOLDER by default.")
@junit_option
@as_json_option
def report(
    folders: tuple[Path, ...], as_suite: bool, since: Path | None, to: Path | None, junit: Path | None, as_json: bool
) -> int:
    """Regenerate reports: one for the run in each FOLDER, or one page for all runs and suites in them."""
    if not as_suite:
        if since or to or junit:
            raise Problem("--since, --to and --junit apply to a suite only", "add --suite")
        for folder in folders:
            _judged(folder / "events.jsonl", folder)
            click.echo(folder / "report.html")
        return 0
    found, place = suites.load(folders), to or folders[0]
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
@click.argument("first", metavar="SUITE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("second", metavar="SUITE", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", type=FOLDER, default="reports/compare", show_default=True, help="Folder for the page.")
@as_json_option
def compare(first: Path, second: Path, to: Path, as_json: bool) -> None:
    """Compare two suites fault by fault, also of different database systems: compare.html, compare.md.

    A SUITE is the folder of a suite, or of a single run.
    """
    suites_ = suites.load([first]), suites.load([second])
    page = side_by_side.write(*suites_, COUNTERPARTS, to)
    click.echo(json.dumps(side_by_side.to_json(*suites_, COUNTERPARTS), indent=1) if as_json else page)


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", type=FILE, help="The file to write; FOLDER/journal.json by default.")
def journal(folder: Path, to: Path | None) -> None:
    """Export the run in FOLDER as a Chaos Toolkit journal."""
    events = folder / "events.jsonl"
    found = _read(events, lambda: again.findings_of(events))
    file = to or folder / "journal.json"
    file.write_text(json.dumps(journal_of(found, verdict_of(found)), indent=1) + "\n")
    click.echo(file)


def _judged(events: Path, folder: Path | None) -> Verdict:
    """The verdict of recorded events; verdict and report are written to `folder`. Raises Problem."""
    return _read(events, lambda: again.judge_file(events, folder, _show_crash))


def _read(events: Path, reading: Callable[[], Found]) -> Found:
    """The result of reading the events. Raises Problem if they are not the events of a run."""
    try:
        return reading()
    except (ValueError, OSError) as error:
        found = error.strerror if isinstance(error, OSError) else error
        raise Problem(
            f"{events} cannot be judged ({found})", "name the events.jsonl, or the folder, of a run"
        ) from None


def _show_crash(part: str, error: BaseException) -> None:
    click.echo(f"{part} crashed:\n{''.join(traceback.format_exception(error))}", err=True)


main = console_script(cli, "experiments")

if __name__ == "__main__":
    main()
