"""The errors that a command prints in one line, and the exit codes of all commands.

Standard library only: the host image is built before pip has run.

Problem                   the user can fix it: printed as one line with cause and remedy, exit 2
└── InventoryProblem      the inventory cannot be read, or describes an impossible cluster
"""

USAGE = 2
INTERRUPTED = 130


class Problem(Exception):
    """The user can fix this. `cause`: who, wanted and found; `remedy`: what to do about it."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}: {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy


class InventoryProblem(Problem):
    """The inventory cannot be read, or describes an impossible cluster."""
