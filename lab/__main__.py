"""The `lab` command: create and control the local hosts of an inventory."""

import os

import click
from rich.console import Console
from rich.table import Table

from firedrill.inventories import releases
from firedrill.inventories.command import console_script, group, tell
from firedrill.inventories.errors import USAGE
from firedrill.lab import as_root, core, doctor, image

_COLOURS = {"running": "green", "booting": "yellow", "paused": "yellow", "off": "red", "absent": "dim"}


@group(core.Lab)
def cli() -> None:
    """Create and control the local hosts of an inventory."""


@cli.command()
@click.option(
    "--bare", is_flag=True, help="Create hosts with only sshd, Python and python3-apt; the deploy installs the rest."
)
@click.pass_obj
def up(lab, bare: bool) -> None:
    """Create and boot the hosts. Running hosts are not changed; leftovers of an interrupted run are repaired."""
    core.need_root()
    lab().up(bare=bare, tell=tell)


@cli.command()
@click.option("--force", is_flag=True, help="Remove the hosts even while a drill is running on them.")
@click.pass_obj
def down(lab, force: bool) -> None:
    """Remove the hosts, their disks and their network. The image stays cached."""
    lab().down(tell, force=force)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(lab, as_json: bool) -> None:
    """Show the state of each host."""
    rows = lab().status()
    if as_json:
        click.echo(core.as_json(rows))
        return
    table = Table("host", "state", "address", "roles", "processes", "CPU s")
    for row in rows:
        state = f"[{_COLOURS[row['state']]}]{row['state']}[/]"
        table.add_row(
            row["name"], state, row["address"], " ".join(row["roles"]), str(row["processes"]), str(row["cpu_s"])
        )
    Console().print(table)


def _verb(name: str, help_text: str, act) -> None:
    @cli.command(name, help=help_text)
    @click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
    @click.pass_obj
    def command(lab, hosts: tuple[str, ...]) -> None:
        it = lab()
        for host in hosts:
            it[host]
        for host in hosts:
            if moment := act(it, host):
                click.echo(f"{host}: {name} at {moment}")


_verb("start", "Power hosts on.", lambda lab, host: lab.start(host, tell))
_verb("stop", "Shut hosts down in an orderly way.", lambda lab, host: lab.stop(host))
_verb("cut", "Cut the power of hosts: instant, without shutdown.", lambda lab, host: lab.cut(host))
_verb("pause", "Freeze hosts.", lambda lab, host: lab.pause(host))
_verb("resume", "Resume frozen hosts.", lambda lab, host: lab.resume(host))


# Options after HOST belong to COMMAND: `lab shell db1 df -i /`.
@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def shell(lab, host: str, command: tuple[str, ...]) -> None:
    """Open a root shell on a host over SSH, or run COMMAND there."""
    it = lab()
    arguments = command[1:] if command[:1] == ("--",) else command
    if user := it[host].user:
        raise SystemExit(as_root.run(it.ssh(host), user, " ".join(arguments)))
    os.execvp("ssh", [*it.ssh(host), *arguments])


@cli.command("image")
@click.option("--rebuild", is_flag=True, help="Build the image again.")
@click.option("--bare", is_flag=True, help="Build the image with only sshd, Python and python3-apt.")
@click.option(
    "--release",
    type=click.Choice(list(releases.RELEASES)),
    default=releases.DEFAULT,
    show_default=True,
    help="Debian release.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def image_(rebuild: bool, bare: bool, release: str, as_json: bool) -> None:
    """Build the host image of a release if it is missing, and list the cached ones."""
    core.need_root()
    image.ensure(release, bare=bare, rebuild=rebuild, tell=tell)
    rows = image.listing()
    click.echo(
        core.as_json(rows)
        if as_json
        else "\n".join(f"{r['path']}  {r.get('release', '-')}  {r['mib']} MiB" for r in rows)
    )


@cli.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_(as_json: bool) -> None:
    """Show which kinds of hosts this machine can run, and what is missing. Exit code 2 if it can run none."""
    rows = doctor.report(doctor.look(ask_apt=True))
    if as_json:
        click.echo(core.as_json(rows))
    else:
        for row in rows:
            click.echo(f"{row['provider']}: {'can run here' if row['ok'] else 'cannot run here'}")
            for check in row["checks"]:
                remedy = "" if check["ok"] else f": {check['remedy']}"
                click.echo(f"  {'ok ' if check['ok'] else 'NOT'}  {check['name']}: {check['found']}{remedy}")
    raise SystemExit(0 if any(row["ok"] for row in rows) else USAGE)


main = console_script(cli, "lab")

if __name__ == "__main__":
    main()
