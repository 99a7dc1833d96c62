"""The `faults` command: inject faults, show and heal them."""

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import click

from firedrill.cluster import fence
from firedrill.faults import active, deadman, engine, healing, lookup, overdue, show
from firedrill.faults.doctor import check_up, firewalls
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Fault, Unhealed, option_types
from firedrill.faults.steady import refuse_drill, refuse_unsteady
from firedrill.inventories.access import Access, access
from firedrill.inventories.command import console_script, group
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable

SILENT, INCONCLUSIVE = "does not answer SSH", 3
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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
    """Inject a fault: `faults inject FAULT TARGET`. `faults inject FAULT --help` lists its options.

    TARGET is a host, leader, sync_standby, replica, etcd_leader, vip_holder, group:ROLE. Your own fault is
    FILE.py:CLASS.
    """


def _inject_command(name: str, kind: type[Fault]) -> click.Command:
    def act(
        get: Get, target: str, limit_s: float | None, dry_run: bool, as_json: bool, unsteady: bool, **given: Any
    ) -> None:
        rails = {key: given.pop(key) for key in ("max_hosts", "allow_quorum_loss")}
        ways = get()
        plan = engine.plan(kind(**given), target, ways, limit_s=limit_s, **rails)
        if not dry_run:
            refuse_drill(ways)
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
        click.Option(
            ["--max-hosts"], type=int, default=engine.MAX_HOSTS, show_default=True, help="The most hosts to hit."
        ),
        click.Option(["--allow-quorum-loss"], is_flag=True, help="Allow faults on a majority of the etcd members."),
        click.Option(["--unsteady"], is_flag=True, help="Inject even if the cluster is not in its steady state."),
        click.Option(["--dry-run"], is_flag=True, help="Print the commands for each host, but do not run them."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print JSON."),
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(get: Get, as_json: bool) -> int:
    """Show every injection that is not healed yet, as its host reports it, whichever machine injected it.

    Exit codes: 0 all hosts answer, 3 some hosts do not.
    """
    ways = get()
    overdue.retire(ways)
    found = active.status(ways)
    for problem in found.damaged:
        _complain(problem)
    if as_json:
        not_known = [{"host": name, "why": SILENT} for name in found.silent]
        click.echo(json.dumps({"active": found.rows, "not_known": not_known}, indent=1))
    elif found.rows:
        show.status(found.rows)
    elif not found.silent:
        click.echo("no active fault")
    return _not_known(found.silent)


def _not_known(silent: list[str]) -> int:
    """Say which hosts do not answer; return the exit code."""
    for name in silent:
        click.echo(f"faults: not known: {name} {SILENT}", err=True)
    return INCONCLUSIVE if silent else 0


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def doctor(get: Get, as_json: bool) -> None:
    """Test which faults each host supports, and show why others are not supported."""
    ways = get()
    found, tools = check_up(ways), firewalls(ways)
    agents = fence.agents(ways)
    if as_json:
        reasons = {host: {name: answer.reason for name, answer in row.items()} for host, row in found.items()}
        given = {host: {name: row[name].given for name in row if row[name].given} for host, row in found.items()}
        shown: dict[str, Any] = {"faults": reasons, "with": given, "firewall": tools}
        shown |= {"fence": {host: agent and vars(agent) for host, agent in agents.items()}} if agents else {}
        click.echo(json.dumps(shown, indent=1))
    else:
        show.doctor(found, tools)
        show.fence(agents)


@cli.command()
@click.argument("ids", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="Heal all active injections, including those of other machines."
)
@click.option(
    "--after",
    type=float,
    hidden=True,
    help="Wait this long (s) first; it is not an error if nothing is left to heal then.",
)
@click.option(
    "--accept",
    is_flag=True,
    help="Accept differences from the state before the fault, which other programs may have made.",
)
@click.option("--controller", type=int, default=0, hidden=True, help="The process that waits for the injection.")
@click.pass_obj
def heal(get: Get, ids: tuple[str, ...], everything: bool, after: float | None, accept: bool, controller: int) -> int:
    """Heal injections by their IDs, or all of them.

    Exit codes: 0 healed and clean, 2 something is not, 3 some hosts do not answer, so their state is unknown.
    """
    ways = get()
    if not ids and not everything:
        raise Problem("no injection to heal was given", "give ids from `faults status`, or --all")
    if everything and accept:
        raise Problem("--accept with --all", "accept the differences of one injection after the other, by its id")
    if after is not None:
        deadman.wait(ways.inventory, ids[0], after, controller)
        healing.unattended(ways, ids[0], tell)
        return 0
    if everything:
        found = healing.everything(ways, tell, _complain)
    else:
        found = healing.named(ways, set(ids), tell, _complain, accept=accept)
    code = _not_known(found.silent)
    if found.problems:
        raise Unhealed(found.problems)
    return code


def _complain(problem: Problem) -> None:
    click.echo(f"faults: {printable(problem)}", err=True)


main = console_script(cli, "faults")

if __name__ == "__main__":
    main()
