"""New folders for what runs record."""

import time
from pathlib import Path

from firedrill.inventories.errors import Problem

MOST = 99


def of_run(reports: Path, name: str) -> Path:
    """A new folder named after the time and the experiment. Raises Problem."""
    return _new(reports, f"{_stamp()}-{name}")


def of_suite(reports: Path) -> Path:
    """A new folder for a suite. Raises Problem."""
    return _new(reports, f"suite-{_stamp()}")


def _new(reports: Path, name: str) -> Path:
    for extra in ("", *(f"-{number}" for number in range(2, MOST + 1))):
        folder = reports / f"{name}{extra}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise Problem(
                f"{folder} cannot be created ({error.strerror})", "name another folder with --reports"
            ) from None
        return folder
    raise Problem(f"{reports} has {MOST} folders named {name}", "try again in a second")


def _stamp() -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
