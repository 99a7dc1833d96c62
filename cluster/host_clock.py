"""How far a host's clock differs from the clock of the run (clock.py): the one mapping from host times to moments."""

import shlex

from firedrill.cluster import clock, ssh

ROUNDS = 7
PROGRAM = "import sys, time\nfor _ in sys.stdin: print(time.time_ns())"


def offset(connection: ssh.Connection) -> tuple[int, int]:
    """How far the host's clock is ahead of ours, and the error of that (ns), from the fastest of ROUNDS answers."""
    running = ssh.Running(connection, f"python3 -uc {shlex.quote(PROGRAM)}")
    found = []
    for last in (False,) * ROUNDS + (True,):
        began = clock.now()
        running.send("\n", last=last)
        shown = int(running.line())
        ended = clock.now()
        found.append(((ended - began) // 2, shown - (began + ended) // 2))
    running.end()
    error, ahead = min(found)
    return ahead, error
