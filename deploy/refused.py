"""How a deploy ends before it changes anything."""

import sys
from collections.abc import Callable
from typing import IO, Any

import click
from pyinfra.api.exceptions import PyinfraError

from firedrill.inventories.errors import USAGE, Problem

# Importing pyinfra's command line patches the process. It is there already where it matters: in pyinfra's own.
_command_line = sys.modules.get("pyinfra_cli.exceptions")
_CliError: Any = _command_line.CliError if _command_line else click.ClickException


class Refused(PyinfraError, _CliError):
    """Ends pyinfra with one line and exit code 2: PyinfraError passes a deploy file, CliError ends pyinfra."""

    exit_code = USAGE

    def show(self, file: IO | None = None) -> None:
        for line in self.message.splitlines():
            print(f"deploy: {line}", file=file or sys.stderr)


def refusing(check: Callable[[], None]) -> None:
    """Run a check; what it raises for the user to fix ends the deploy."""
    try:
        check()
    except Problem as problem:
        raise Refused(str(problem)) from None
