"""The secrets of an inventory's cluster: `python -m firedrill.inventories [-i FILE] rotate [NAME...]`."""

import click

from firedrill.inventories import drill_lock, secrets
from firedrill.inventories.command import console_script, group
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory


@group(lambda inventory: inventory)
def cli() -> None:
    """Manage the generated secrets of a cluster."""


@cli.command(help=f"Make new passwords for the next deploy, of all secrets or of NAMES: {', '.join(secrets.NAMES)}.")
@click.argument("names", nargs=-1)
@click.pass_obj
def rotate(inventory_of, names: tuple[str, ...]) -> None:
    inventory: Inventory = inventory_of()
    if inventory.data["foreign"]:
        raise Problem(f"{inventory.path} is an existing cluster", "change its passwords as its operators do")
    if (system := inventory.data.get("system", "patroni")) != "patroni":
        raise Problem(f"secrets of the system {system} cannot be rotated", "change them by hand")
    if holder := drill_lock.holder(inventory):
        raise Problem(holder.running("this cluster"), "wait until it has ended")
    waiting = secrets.rotate(inventory.data, names)
    if not waiting:
        raise Problem("no secret was generated yet", "the first deploy generates them")
    click.echo(f"new: {', '.join(waiting)}")
    click.echo(f"The next deploy puts them into use: pyinfra -y {inventory.path} deploy/cluster.py")


main = console_script(cli, "firedrill.inventories")

if __name__ == "__main__":
    main()
