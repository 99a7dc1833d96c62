"""How far a host's clock differs from ours."""

import shlex
import time

from firedrill.cluster import ssh

ROUNDS = 7
PROGRAM = "import sys, time\nfor _ in sys.stdin: print(time.time_ns())"


def offset(connection: ssh.Connection) -> tuple[int, int]:
    """How far the host's clock is ahead of ours, and the error of that (ns), from the fastest of ROUNDS answers."""
    running = ssh.Running(connection, f"python3 -uc {shlex.quote(PROGRAM)}")
    found = []
    for last in (False,) * ROUNDS + (True,):
        began = time.time_ns()
        running.send("\n", last=last)
        shown = int(running.line())
        ended = time.time_ns()
        found.append(((ended - began) // 2, shown - (began + ended) // 2))
    running.end()
    error, ahead = min(found)
    return ahead, error
