"""Who measures comes first: a controller that waits for its processor measures itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

NICE = -10


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """This machine serves this thread, and what it starts meanwhile, first. Only root may do so.

    Hosts that are made on this machine keep their processor share: it is that of their cgroup.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(before, NICE))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


def of_session(pid: int) -> None:
    """The same for a process that leads a session.

    Linux weighs sessions against each other first ("autogroup", sched(7)): its own nice value counts only within it.
    """
    with contextlib.suppress(OSError):  # not root, no autogroup in this kernel, or ended by now
        Path(f"/proc/{pid}/autogroup").write_text(f"{NICE}\n")
