"""The errors that a command prints in one line, and the exit codes of all commands.

Problem                   what a user can fix: printed as one line with cause and remedy, exit 2
└── InventoryProblem      the inventory names an impossible cluster
"""

import functools
import sys
import traceback
from collections.abc import Callable

import click

USAGE = 2
INTERRUPTED = 130


class Problem(Exception):
    """Something the user can fix. `cause` says who, wanted and found; `remedy` what to do about it."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class InventoryProblem(Problem):
    """The inventory cannot be read, or names hosts that cannot make a cluster."""


def one_line(cli: click.Group, name: str) -> Callable[[], None]:
    """Make a click command a console script.

    A Problem or an error of the system (a full disk, a missing right) is one line on stderr; anything unforeseen is
    shown with its traceback. Both exit 2: exit 1 is for a system under test that fell short, and nothing else.
    """

    @functools.wraps(cli)
    def run() -> None:
        try:
            code = cli.main(prog_name=name, standalone_mode=False)
        except (Problem, OSError) as problem:
            print(f"{name}: {problem or type(problem).__name__}", file=sys.stderr)
            code = USAGE
        except click.ClickException as error:
            error.show()
            code = USAGE
        except (KeyboardInterrupt, click.Abort):
            print(f"{name}: interrupted", file=sys.stderr)
            code = INTERRUPTED
        except Exception:  # noqa: BLE001 - its traceback is shown
            traceback.print_exc()
            print(f"{name}: this is a defect of Firedrill; please report it", file=sys.stderr)
            code = USAGE
        sys.exit(code)

    return run
