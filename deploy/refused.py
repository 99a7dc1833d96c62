"""How a deploy ends before it changes anything."""

import sys
from typing import IO

from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.exceptions import CliError

from firedrill.inventories.errors import USAGE


class Refused(PyinfraError, CliError):
    """Ends pyinfra with one line and exit code 2: PyinfraError passes a deploy file, CliError ends pyinfra."""

    exit_code = USAGE

    def show(self, file: IO | None = None) -> None:
        print(f"deploy: {self.message}", file=file or sys.stderr)
