"""The errors that a command prints in one line, and the exit codes of all commands.

Standard library only: the host image is built before pip has run.

Problem                   the user can fix it: printed as one line with cause and remedy, exit 2
└── InventoryProblem      the inventory cannot be read, or describes an impossible cluster
"""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
USAGE = 2
INTERRUPTED = 130


class Problem(Exception):
    """The user can fix this. `cause`: who, wanted and found; `remedy`: what to do about it, empty if unknown.

    `str()` is both in one line, as the commands print it.
    """

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class InventoryProblem(Problem):
    """The inventory cannot be read, or describes an impossible cluster."""


def of_system(error: OSError, place: object = None) -> Problem:
    """A system error as a Problem. `place`: what was written, where the error does not name it."""
    named = error.filename if place is None else place
    cause = error.strerror or str(error) or type(error).__name__
    if error.errno not in (*FULL, *FORBIDDEN):
        return Problem(f"{named}: {cause}" if named else cause, "")
    do = "free space there" if error.errno in FULL else "make it writable"
    return Problem(
        f"{named or 'a file'} cannot be written ({cause})",
        f"{do}, or choose another folder: XDG_STATE_HOME for the state of drills, --reports for results",
    )
