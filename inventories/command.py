"""What the commands `lab`, `faults` and `experiments` share: the option `-i`, progress lines, errors as one line."""

import functools
import io
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import click

from firedrill.inventories.errors import INTERRUPTED, USAGE, Problem, of_system
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Inventory, read

_BEGAN = time.monotonic()


def tell(text: str) -> None:
    """Print one line of progress with the seconds since the start."""
    click.echo(f"[{time.monotonic() - _BEGAN:5.1f} s] {printable(text)}", err=True)


def group(make: Callable[[Inventory], Any]) -> Callable[[Callable[[], None]], click.Group]:
    """Decorator: a click group with `-i FILE`. Its commands get a function that reads the inventory for `make`."""

    def decorate(described: Callable[[], None]) -> click.Group:
        @click.group(help=described.__doc__, context_settings={"help_option_names": ["-h", "--help"]})
        @click.option(
            "-i",
            "--inventory",
            metavar="FILE",
            help="Inventory file. Default: $FIREDRILL_INVENTORY, else inventories/lab.py.",
        )
        @click.version_option(package_name="firedrill", message="%(prog)s %(version)s")
        @click.pass_context
        def cli(context: click.Context, inventory: str | None) -> None:
            context.obj = lambda: make(read(inventory))

        return cli

    return decorate


def _shown(error: click.ClickException) -> str:
    """What click prints of an error, without what was typed controlling the terminal."""
    text = io.StringIO()
    error.show(text)
    return printable(text.getvalue())


def console_script(cli: click.Command, name: str) -> Callable[[], None]:
    """Make a click command a console script.

    A Problem or a system error (a full disk, missing permission) is one line on stderr; an unexpected exception is
    shown with its traceback. Both exit 2: exit 1 means that the system under test fell short, and nothing else.
    """

    @functools.wraps(cli)
    def run() -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # no text of a host is too much for a terminal's encoding
        try:
            code = cli.main(prog_name=name, standalone_mode=False)
        except (Problem, OSError) as error:
            problem = of_system(error) if isinstance(error, OSError) else error
            print(f"{name}: {printable(problem)}", file=sys.stderr)
            code = USAGE
        except click.ClickException as error:
            print(_shown(error), end="", file=sys.stderr)
            code = USAGE
        except SystemExit as ending:
            # Of its own, click exits with 1, where the reader of a pipe has gone. The others are signals.
            code = USAGE if ending.code == 1 else ending.code
        except (KeyboardInterrupt, click.Abort):
            print(f"{name}: interrupted", file=sys.stderr)
            code = INTERRUPTED
        except Exception:  # noqa: BLE001 - its traceback is shown
            traceback.print_exc()
            print(f"{name}: this is a bug in Firedrill; please report it", file=sys.stderr)
            code = USAGE
        sys.exit(code)

    return run
