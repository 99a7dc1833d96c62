"""A root shell, or a command as root, on a host whose SSH user is an ordinary one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from firedrill.inventories import sudo
from firedrill.lab.guest import User


def run(login: Sequence[str], user: User, text: str) -> int:
    """Run it, with our own standard input unless that is a terminal; return its exit code."""
    if not text:
        os.execvp("ssh", [*login, "-t", "sudo -i"])
    with subprocess.Popen([*login, sudo.command(text, user.password)], stdin=subprocess.PIPE) as it:
        assert it.stdin
        try:
            it.stdin.write(sudo.stdin(user.password).encode())
            if not sys.stdin.isatty():
                shutil.copyfileobj(sys.stdin.buffer, it.stdin)
            it.stdin.close()
        except BrokenPipeError:
            pass  # it ended without reading all
    return it.returncode
