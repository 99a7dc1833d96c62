"""Run the machine's own commands, and say in one line what went wrong when one fails."""

import subprocess
from collections.abc import Sequence

from firedrill.inventories.errors import Problem


class CommandFailed(Problem):
    """A command of this machine ended with an error; `said` is its last line."""

    said = ""


def run(command: Sequence[str], *, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it with its output. Raises CommandFailed when it fails and `check`."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise CommandFailed(f"no command {command[0]!r}", "run `make setup`, which installs what is needed") from None
    if check and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        failed = CommandFailed(f"`{' '.join(command)}` failed ({said})", "mend the cause and run it again")
        failed.said = said
        raise failed
    return done
