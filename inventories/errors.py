"""The errors that a command prints in one line.

Problem                   what a user can mend: printed as one line with cause and remedy, exit 2
└── InventoryProblem      the inventory names an impossible cluster
"""

import functools
import sys

import click

USAGE = 2
INTERRUPTED = 130


class Problem(Exception):
    """Something the user can mend. `cause` says who, wanted and found; `remedy` what to do about it."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class InventoryProblem(Problem):
    """The inventory cannot be read, or names hosts that cannot make a cluster."""


def one_line(cli, name: str):
    """Make a click command a console script: a Problem becomes one line on stderr and exit 2, Ctrl-C exit 130."""

    @functools.wraps(cli)
    def run() -> None:
        try:
            sys.exit(cli.main(prog_name=name, standalone_mode=False))
        except Problem as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            sys.exit(USAGE)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            print(f"{name}: interrupted", file=sys.stderr)
            sys.exit(INTERRUPTED)

    return run
