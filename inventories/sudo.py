"""Root by sudo, where the SSH user is an ordinary one: the inventory's `sudo`, which is True or has the password.

The password goes to sudo on standard input, so it is on no command line and in no environment of a host. Where sudo
does not ask for it (NOPASSWD), it is dropped there before the command begins: its standard input starts after END.
"""

import getpass
import os
import re
import shlex
import sys
import threading
from collections.abc import Mapping
from typing import Any

from firedrill.inventories import sources
from firedrill.inventories.errors import InventoryProblem, Problem
from firedrill.inventories.printable import printable

END = "firedrill: here ends what is for sudo"
# What an answer to the prompt is passed on in to the processes of this command, which must not ask again.
PROMPTED = "FIREDRILL_SUDO_PROMPTED"
# `sudo sh` must be root's own shell: nothing of the user's environment, no cached credentials.
PROGRAM = "sudo -H -k {how} -- sh"
# The first line on standard input is for sudo, if it asks; the lines up to END are dropped.
DROP = f'while IFS= read -r firedrill && [ "$firedrill" != "{END}" ]; do :; done; unset firedrill'
# What root has after a login.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
REMEDY = "allow it in /etc/sudoers.d/firedrill: `{user} ALL=(root) NOPASSWD: ALL`, or `{user} ALL=(root) ALL`"
PASSWORD = "correct the password in the inventory's `sudo`, or allow NOPASSWD in sudoers"
# What sudo says in the locale C: the cause, the remedy.
CAUSES = (
    (r"incorrect password attempt|Sorry, try again", "sudo refuses the password of {user}", PASSWORD),
    (r"a password is required", "sudo asks for the password of {user}", PASSWORD),
    (r"is not in the sudoers file|may not run sudo", "{user} is not in sudoers", REMEDY),
    (r"is not allowed to (execute|run)", "sudo allows {user} some commands only, and not `sh`", REMEDY),
    (
        r"must have a tty|no tty present|a terminal is required",
        "sudo wants a terminal",
        "add `Defaults:{user} !requiretty` to sudoers",
    ),
    (
        r"sudo: (command )?not found|exec: sudo",
        "sudo is not installed",
        "run `apt-get install sudo` there as root, or set `ssh_user` to root",
    ),
)


def password(data: Mapping[str, Any]) -> str | None:
    """The password for sudo of a host with these data; None if none is given. Raises InventoryProblem."""
    entry = data.get("sudo")
    if not isinstance(entry, Mapping):
        return None
    return _prompted(entry["password_prompt"]) if "password_prompt" in entry else sources.password("sudo", entry)


def known(data: Mapping[str, Any]) -> str:
    """The same, so that it is never shown; empty where there is none, or where it would have to be asked for."""
    entry = data.get("sudo")
    asked_for = isinstance(entry, Mapping) and "password_prompt" in entry and PROMPTED not in os.environ
    return "" if asked_for else password(data) or ""


_one_prompt = threading.Lock()


def _prompted(prompt: str) -> str:
    """The answer to a prompt, asked for once by the first process that needs it; it is never stored."""
    with _one_prompt:
        if PROMPTED not in os.environ:
            os.environ[PROMPTED] = _answer(prompt)
        if not (answer := os.environ[PROMPTED]):
            raise InventoryProblem("no password for sudo was typed", "type it at the prompt")
        return answer


def _answer(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise InventoryProblem(
            "the password for sudo cannot be asked for: there is no terminal",
            "give `sudo` a password_file, password_env or password_command",
        )
    try:
        return getpass.getpass(f"{prompt}: ")
    except EOFError:  # Ctrl-D
        return ""


def program(given: str | None) -> str:
    """The shell as root, with `given` as the password: append `-c` and a text."""
    return PROGRAM.format(how="-n" if given is None else '-S -p ""')


def command(text: str, given: str | None) -> str:
    """A shell text as root, as a command for a shell such as sh or bash; send `stdin` first."""
    return f"{program(given)} -c {shlex.quote(begin(given) + text)}"


def begin(given: str | None) -> str:
    """What a text begins with: the password is dropped, and root's programs are found without secure_path."""
    return ("" if given is None else f"{DROP}; ") + f"PATH={PATH}; export PATH; "


def stdin(given: str | None) -> str:
    """What comes before the standard input of a command."""
    return "" if given is None else f"{given}\n{END}\n"


def refused(who: str, user: str, shown: str, given: str | None) -> Problem:
    """Why sudo ran nothing, from what it printed. The password is not shown, whatever was printed."""
    for pattern, cause, remedy in CAUSES:
        if re.search(pattern, shown):
            return Problem(f"{who}: {cause.format(user=user)}", remedy.format(user=user))
    lines = shown.replace(given, "***") if given else shown
    last = printable((lines.strip() or "it printed nothing").splitlines()[-1])[:200]
    return Problem(f"{who}: sudo does not run commands as root for {user} ({last})", REMEDY.format(user=user))
