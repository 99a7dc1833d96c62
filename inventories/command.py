"""What the commands `lab`, `faults` and `experiments` share: options, the inventory, lines of progress."""

import time
from collections.abc import Callable
from typing import Any

import click

from firedrill.inventories.read import Inventory, read

_BEGAN = time.monotonic()


def tell(text: str) -> None:
    """One line of progress, with the seconds since the start."""
    click.echo(f"[{time.monotonic() - _BEGAN:5.1f} s] {text}", err=True)


def group(make: Callable[[Inventory], Any]) -> Callable[[Callable[[], None]], click.Group]:
    """A group with `-i FILE`; each command gets a function that reads the inventory and makes what it needs."""

    def decorate(described: Callable[[], None]) -> click.Group:
        @click.group(help=described.__doc__, context_settings={"help_option_names": ["-h", "--help"]})
        @click.option(
            "-i", "--inventory", metavar="FILE", help="Inventory file; $FIREDRILL_INVENTORY, or inventories/lab.py."
        )
        @click.version_option(package_name="firedrill", message="%(prog)s %(version)s")
        @click.pass_context
        def cli(context: click.Context, inventory: str | None) -> None:
            context.obj = lambda: make(read(inventory))

        return cli

    return decorate
