"""The errors that a command prints in one line.

Problem                   what a user can mend: printed as one line with cause and remedy, exit 2
└── InventoryProblem      the inventory names an impossible cluster
"""

import functools
import sys

USAGE = 2


class Problem(Exception):
    """Something the user can mend. `cause` says who, wanted and found; `remedy` what to do about it."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class InventoryProblem(Problem):
    """The inventory cannot be read, or names hosts that cannot make a cluster."""


def one_line(main):
    """Decorate a command's entry: a Problem becomes one line on stderr and exit 2, Ctrl-C exit 130."""

    @functools.wraps(main)
    def run(*args, **options):
        try:
            return main(*args, **options)
        except Problem as problem:
            print(f"{main.__module__.split('.')[0]}: {problem}", file=sys.stderr)
            sys.exit(USAGE)
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)

    return run
