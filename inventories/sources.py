"""Where a password comes from: the inventory, a file, the environment, or a command such as `pass show db/firedrill`.

An entry is a dictionary with one of the keys in KINDS. A command is a list of arguments and runs without a shell, once
per process; the first line of its output is the password. No message contains a password or a command's output.
"""

import functools
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firedrill.inventories import private
from firedrill.inventories.errors import InventoryProblem, Problem

KINDS = ("password", "password_file", "password_env", "password_command")
SECONDS = 30.0


def password(what: str, entry: Mapping[str, Any]) -> str:
    """The password of an entry. `what` it is for, in messages. Raises InventoryProblem."""
    kind = next((kind for kind in KINDS if kind in entry), None)
    if kind is None:
        raise InventoryProblem(f"no password for {what}", f"give it one of {', '.join(KINDS)}")
    try:
        return _valid(_from(kind, entry[kind]))
    except (Problem, OSError) as error:
        cause = error.cause if isinstance(error, Problem) else f"{entry[kind]}: {error.strerror}"
        remedy = error.remedy if isinstance(error, Problem) else f"correct its {kind}"
        raise InventoryProblem(f"no password for {what} ({cause})", remedy) from None


def _from(kind: str, value: Any) -> str:
    if kind == "password_file":
        return private.read(Path(value).expanduser()).rstrip("\r\n")
    if kind == "password_env":
        return _variable(value)
    if kind == "password_command":
        return _printed(tuple(value))
    return str(value)


def _variable(name: str) -> str:
    if name not in os.environ:
        raise Problem(f"the environment has no {name}", f"export {name}")
    return os.environ[name]


def _printed(command: tuple[str, ...]) -> str:
    """The first line that a command prints."""
    found = _asked(command)
    if isinstance(found, Problem):
        raise found
    return found


@functools.cache
def _asked(command: tuple[str, ...]) -> str | Problem:
    """The same; a failure is remembered, too: to hide passwords in logs, all sources are asked again and again.

    The arguments are not shown: one may be a token.
    """
    program = command[0]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except OSError as error:
        return Problem(f"{program} cannot be run: {error.strerror}", "correct its password_command")
    except subprocess.TimeoutExpired:
        return Problem(
            f"{program} did not end within {SECONDS:g} s", "unlock it first, or correct its password_command"
        )
    if done.returncode != 0:
        return Problem(
            f"{program} ended with exit code {done.returncode}", "run its password_command by hand to see why"
        )
    return done.stdout.split(b"\n", 1)[0].rstrip(b"\r").decode(errors="replace")


def _valid(found: str) -> str:
    if not found:
        raise Problem("it is empty", "store a password there")
    if not found.isprintable():
        raise Problem("it is not one line of printable characters", "store such a password there")
    return found
