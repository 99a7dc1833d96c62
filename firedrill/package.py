"""Where this package is, and how its own processes start.

A child process never looks for modules in the folder it runs in: a user's `deploy/`, `faults/` or `locust.py` there
cannot take the place of ours.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).absolute().parent


def file(name: str) -> Path:
    """A file or folder of this package, such as `templates` or `loadtests/weather.py`."""
    return FOLDER / name


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this Python: `-P` keeps the working folder out of its search path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment of such a process: a checkout that was never installed is found, too."""
    known = dict(os.environ)
    if (FOLDER / "faults").is_symlink():  # a checkout: its rooms are links
        known["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FOLDER.parent), known.get("PYTHONPATH"))))
    return known | more
