"""The `faults` command: inject faults, show and heal them."""

import dataclasses
import json
import re
import time
from collections.abc import Callable
from typing import Any

import click

from firedrill.faults import active, engine, ledger, lookup, show
from firedrill.faults.connections import connected
from firedrill.faults.doctor import check_up, firewalls
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Fault, Unhealed, option_types
from firedrill.faults.steady import refuse_unsteady
from firedrill.inventories.access import Access, access
from firedrill.inventories.command import console_script, group
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable

RETRIES, RETRY_SECONDS = 4, 3
UNITS = {"ms": 0.001, "s": 1, "": 1, "m": 60, "min": 60, "h": 3600}
Get = Callable[[], Access]


class Duration(click.ParamType):  # type: ignore[type-arg]
    """Seconds from `90`, `90s`, `500ms`, `2m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|min|m|h|)", str(value).strip())
        if not found:
            self.fail(f"{value!r} is not a duration; write it like 90s, 500ms or 2m", param, context)
        return float(found[1]) * UNITS[found[2]]


def tell(entry: Entry, phase: str, detail: str, t: int | None) -> None:
    """Print progress on stderr; only the first line of a script."""
    first, *more = detail.splitlines() or [""]
    shown = f"{first} (and {len(more)} lines)" if more else first
    click.echo(printable(f"{entry.host} {entry.fault} {entry.id}: {phase}: {shown}"), err=True)


@group(access)
def cli() -> None:
    """Inject faults on the hosts of an inventory, and heal them."""


@cli.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(as_json: bool) -> None:
    """List every fault with its options."""
    rows = [show.describe(name, lookup.find(name)) for name in lookup.names()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        show.catalogue(rows)


class Inject(click.Group):
    """A command for each fault, created on demand."""

    def list_commands(self, context: click.Context) -> list[str]:
        return lookup.names()

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if context.resilient_parsing and name not in lookup.names():  # shell completion asks
            return None
        return _inject_command(name, lookup.find(name))


@cli.group(cls=Inject)
def inject() -> None:
    """Inject a fault on TARGET: a host, leader, sync_standby, replica, etcd_leader, vip_holder, group:ROLE.

    A fault of your own is FILE.py:CLASS.
    """


def _inject_command(name: str, kind: type[Fault]) -> click.Command:
    def act(
        get: Get, target: str, limit_s: float | None, dry_run: bool, as_json: bool, unsteady: bool, **given: Any
    ) -> None:
        rails = {key: given.pop(key) for key in ("max_hosts", "allow_quorum_loss")}
        ways = get()
        plan = engine.plan(kind(**given), target, ways, limit_s=limit_s, **rails)
        if not (unsteady or dry_run):
            refuse_unsteady(ways, plan.hosts)
        if dry_run:
            _print_dry_run(engine.dry_run(plan, ways), as_json)
            return
        entries = engine.inject(plan, ways, tell)
        if as_json:
            click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=1))

    return click.Command(
        name, callback=click.pass_obj(act), help=(kind.__doc__ or "").strip(), params=_parameters(kind)
    )


def _parameters(kind: type[Fault]) -> list[click.Parameter]:
    """Those of every injection, and the fault's own options."""
    limit = f"The fault heals by itself after this time (default {kind.default_limit_s:g}s)."
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    own = [
        click.Option([show.option(name)], type=option, default=defaults[name], show_default=True)
        for name, option in option_types(kind).items()
    ]
    return [
        click.Argument(["target"]),
        click.Option(["--for", "limit_s"], type=Duration(), help=limit),
        click.Option(["--max-hosts"], type=int, default=engine.MAX_HOSTS, show_default=True),
        click.Option(["--allow-quorum-loss"], is_flag=True, help="Allow faults on a majority of the etcd members."),
        click.Option(["--unsteady"], is_flag=True, help="Inject although the cluster is not in its steady state."),
        click.Option(["--dry-run"], is_flag=True, help="Print the commands for each host without running them."),
        click.Option(["--json", "as_json"], is_flag=True),
        *own,
    ]


def _print_dry_run(commands: dict[str, list[str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(commands, indent=1))
        return
    for host, lines in commands.items():
        for line in lines:
            click.echo(f"{host}: {line}")


@cli.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def status(get: Get, as_json: bool) -> None:
    """Show every injection that is not healed yet, as its host reports it, from whichever machine it was injected."""
    rows, damaged = active.status(get())
    for problem in damaged:
        click.echo(f"faults: {printable(problem)}", err=True)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif rows:
        show.status(rows)
    else:
        click.echo("no active fault")


@cli.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def doctor(get: Get, as_json: bool) -> None:
    """Test what each host supports, and show which faults it can take, or why not."""
    ways = get()
    found, tools = check_up(ways), firewalls(ways)
    if as_json:
        reasons = {host: {name: answer.reason for name, answer in row.items()} for host, row in found.items()}
        given = {host: {name: row[name].given for name in row if row[name].given} for host, row in found.items()}
        click.echo(json.dumps({"faults": reasons, "with": given, "firewall": tools}, indent=1))
    else:
        show.doctor(found, tools)


@cli.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All active injections, including those from other machines.")
@click.option(
    "--after",
    type=float,
    hidden=True,
    help="Wait this long (s) first; it is not an error if nothing is left to heal then.",
)
@click.pass_obj
def heal(get: Get, ids: tuple[str, ...], everything: bool, after: float | None) -> None:
    """Heal injections by their IDs, or all of them."""
    ways = get()
    if not ids and not everything:
        raise Problem("no injection to heal was given", "give ids from `faults status`, or --all")
    if after is not None:
        time.sleep(max(0.0, after))
    found, problems = _on_record(ways, set(ids), everything)
    if after is None and (unknown := set(ids) - {entry.id for entry in found}):
        raise Problem(f"no active injection {', '.join(sorted(unknown))}", "`faults status` lists them")
    for entry in found:
        if everything or entry.id in ids:
            problems += _heal_one(entry, ways, RETRIES if after is not None else 0)
    if problems:
        raise Unhealed(problems)


def _on_record(ways: Access, ids: set[str], everything: bool) -> tuple[list[Entry], list[Problem]]:
    """The recorded injections, and the unreadable records; `--all` moves the latter aside."""
    here = ledger.entries(ways.inventory)
    if not everything and ids <= {entry.id for entry in here}:
        return here, []
    with connected(ways.inventory.hosts) as connections:
        found = active.survey(ways, connections)
    if not everything:
        return found.entries, []
    aside = {problem.where: problem for problem in ledger.set_aside(ways.inventory)}
    damaged: list[Problem] = [aside.get(problem.where, problem) for problem in found.damaged]
    for problem in damaged:
        click.echo(f"faults: {printable(problem)}", err=True)
    return found.entries, damaged


def _heal_one(entry: Entry, ways: Access, retries: int) -> list[Problem]:
    """The process that heals at the limit runs unattended, so it retries before it gives up."""
    for left in range(retries, -1, -1):
        try:
            engine.heal(entry, ways, tell)
            return []
        except Problem as problem:
            if not left:
                return [problem]
        time.sleep(RETRY_SECONDS)
    return []


main = console_script(cli, "faults")

if __name__ == "__main__":
    main()
