"""Run commands of this machine, and report a failure in one line."""

import subprocess
from collections.abc import Sequence

from firedrill.inventories.errors import Problem


class CommandFailed(Problem):
    """A command failed; `output` is the last line it printed."""

    output = ""


def run(command: Sequence[str], *, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and return it with its output. Raises CommandFailed if it fails, unless `check` is False."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CommandFailed(f"no command {command[0]!r}", "run `make setup`, which installs it") from None
    if check and done.returncode:
        output = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        failed = CommandFailed(f"`{' '.join(command)}` failed ({output})", "fix the cause and run it again")
        failed.output = output
        raise failed
    return done
