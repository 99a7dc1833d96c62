"""The `faults` command: break hosts on purpose, look, and heal."""

import dataclasses
import json
import re
import time
from typing import Any, cast

import click
from rich.console import Console
from rich.table import Table

from firedrill import plugins
from firedrill.faults import engine, ledger, lookup
from firedrill.faults.doctor import check_up, firewalls
from firedrill.faults.doctor import rows as doctor_rows
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Fault
from firedrill.faults.steady import refuse_unsteady
from firedrill.inventories.access import Access, access
from firedrill.inventories.command import console_script, group
from firedrill.inventories.errors import Problem

RETRIES, RETRY_SECONDS = 4, 3
UNITS = {"ms": 0.001, "s": 1, "": 1, "m": 60, "min": 60, "h": 3600}


class Duration(click.ParamType):
    """Seconds from `90`, `90s`, `500ms`, `2m`."""

    name = "duration"

    def convert(self, value, param, context) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|min|m|h|)", str(value).strip())
        if not found:
            self.fail(f"{value!r} is no duration; write it like 90s, 500ms or 2m", param, context)
        return float(found[1]) * UNITS[found[2]]


def tell(entry: Entry, phase: str, detail: str, t: int | None) -> None:
    """Progress on stderr; of a script, its first line."""
    first, *more = detail.splitlines() or [""]
    shown = f"{first} (and {len(more)} lines)" if more else first
    click.echo(f"{entry.host} {entry.fault} {entry.id}: {phase}: {shown}", err=True)


@group(access)
def cli() -> None:
    """Faults on the hosts that an inventory names."""


@cli.command("list")
@click.option("--json", "as_json", is_flag=True)
def list_(as_json: bool) -> None:
    """List every fault with its options."""
    rows = [_describe(name, lookup.find(name)) for name in lookup.names()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table("fault", "kind", "options", "limit", "what it does")
    for row in rows:
        given = " ".join(f"--{key} {value}" for key, value in row["options"].items())
        table.add_row(row["fault"], row["kind"], given, f"{row['default_limit_s']:g} s", row["what"])
    Console().print(table)


def _describe(name: str, kind: type[Fault]) -> dict[str, Any]:
    fields = {field.name: field.default for field in dataclasses.fields(cast(Any, kind))}
    what = (kind.__doc__ or "").strip().splitlines()[0]
    return {"fault": name, "kind": kind.kind, "options": fields, "default_limit_s": kind.default_limit_s, "what": what}


class Inject(click.Group):
    """A command for each fault, made when it is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return lookup.names()

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        known = name in lookup.names() or plugins.names_file(name)
        return _inject_command(name, lookup.find(name)) if known else None


@cli.group(cls=Inject)
def inject() -> None:
    """Inject a fault on TARGET: a host, leader, sync_standby, replica, etcd_leader, vip_holder, group:ROLE.

    A fault of your own is FILE.py:CLASS.
    """


def _inject_command(name: str, kind: type[Fault]) -> click.Command:
    def act(get, target: str, limit_s: float | None, dry_run: bool, as_json: bool, unsteady: bool, **given) -> None:
        rails = {key: given.pop(key) for key in ("max_hosts", "allow_quorum_loss")}
        ways: Access = get()
        plan = engine.plan(kind(**given), target, ways, limit_s=limit_s, **rails)
        if not (unsteady or dry_run):
            refuse_unsteady(ways)
        if dry_run:
            _print_dry_run(engine.dry_run(plan, ways), as_json)
            return
        entries = engine.inject(plan, ways, tell)
        if as_json:
            click.echo(json.dumps([dataclasses.asdict(entry) for entry in entries], indent=1))

    return click.Command(
        name,
        callback=click.pass_obj(act),
        help=(kind.__doc__ or "").strip(),
        params=[
            click.Argument(["target"]),
            click.Option(
                ["--for", "limit_s"], type=Duration(), help=f"Heals by itself after; {kind.default_limit_s:g}s."
            ),
            click.Option(["--max-hosts"], type=int, default=engine.MAX_HOSTS, show_default=True),
            click.Option(["--allow-quorum-loss"], is_flag=True, help="A majority of the etcd members may be hit."),
            click.Option(["--unsteady"], is_flag=True, help="Go on though the cluster is not whole."),
            click.Option(["--dry-run"], is_flag=True, help="Print the commands for each host, and run none."),
            click.Option(["--json", "as_json"], is_flag=True),
            *(
                click.Option(
                    [f"--{field.name.replace('_', '-')}"],
                    type=type(field.default),
                    default=field.default,
                    show_default=True,
                )
                for field in dataclasses.fields(cast(Any, kind))
            ),
        ],
    )


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
def status(get, as_json: bool) -> None:
    """Ask the hosts about every injection that was not healed yet, from wherever it was injected."""
    rows = engine.status(get())
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if not rows:
        click.echo("no active fault")
        return
    table = Table("id", "fault", "host", "target", "heals in", "injected from", "status")
    for row in rows:
        left = f"{row['heals_in_s']:g} s"
        table.add_row(row["id"], row["fault"], row["host"], row["target"], left, row["injected_from"], row["status"])
    Console().print(table)


@cli.command()
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def doctor(get, as_json: bool) -> None:
    """Try what each host can do, and show which fault it can take, or why not."""
    ways: Access = get()
    found, tools = check_up(ways), firewalls(ways)
    if as_json:
        click.echo(json.dumps({"faults": found, "firewall": tools}, indent=1))
        return
    table = Table("fault", *found)
    reasons: dict[str, list[str]] = {}
    for name in doctor_rows():
        marks = []
        for host, row in found.items():
            if row[name]:
                reasons.setdefault(f"{name}: {row[name]}", []).append(host)
            marks.append("[red]cannot[/]" if row[name] else "[green]can[/]")
        table.add_row(name, *marks)
    console = Console()
    console.print(table)
    for tool in sorted(filter(None, set(tools.values()))):
        console.print(f"firewall faults by {tool}: {', '.join(name for name in tools if tools[name] == tool)}")
    for reason, hosts in reasons.items():
        console.print(f"{reason} ({', '.join(hosts)})", markup=False)


@cli.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every active injection, of other machines' too.")
@click.option("--after", type=float, hidden=True, help="Wait so many seconds first; nothing to do by then is fine.")
@click.pass_obj
def heal(get, ids: tuple[str, ...], everything: bool, after: float | None) -> None:
    """Heal injections by their IDs, or all of them."""
    ways: Access = get()
    if not ids and not everything:
        raise Problem("nothing to heal was named", "give ids from `faults status`, or --all")
    if after is not None:
        time.sleep(after)
    active = {entry.id: entry for entry in ledger.entries(ways.inventory)}
    if everything or set(ids) - set(active):
        with engine.connected(ways.inventory.hosts) as connections:
            active = {entry.id: entry for entry in engine.active(ways, connections)}
    if after is None and (unknown := set(ids) - set(active)):
        raise Problem(f"no active injection {', '.join(sorted(unknown))}", "`faults status` lists them")
    problems = []
    for entry in active.values():
        if everything or entry.id in ids:
            # Nobody watches the process that heals at the limit: it tries again before it gives up.
            for left in range(0 if after is None else RETRIES, -1, -1):
                try:
                    engine.heal(entry, ways, tell)
                    break
                except Problem as problem:
                    if not left:
                        problems.append(problem)
                time.sleep(RETRY_SECONDS if left else 0)
    if problems:
        raise problems[0]


main = console_script(cli, "faults")

if __name__ == "__main__":
    main()
