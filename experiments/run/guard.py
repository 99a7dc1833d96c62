"""Run each part of a run regardless of failures in the others, and record what failed.

The promise: no exception ends a run without a verdict. Each is recorded with its traceback; the run then heals, looks
at the cluster, and is judged: inconclusive, with the cause.
"""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from firedrill.experiments.run.abort import Aborted
from firedrill.inventories.errors import Problem

EXPECTED = (Problem, Aborted)
Record = Callable[..., None]
Tell = Callable[[str], None]
Interrupt = KeyboardInterrupt | SystemExit


class Guard:
    """Collects what the parts of one run raised. `cause` is the first of it, `interrupt` a Ctrl-C or SIGTERM."""

    def __init__(self, record: Record, tell: Tell) -> None:
        self._record = record
        self._tell = tell
        self.cause: BaseException | None = None
        self.interrupt: Interrupt | None = None
        self.where: str | None = None

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """One part of the run. What it raises is recorded, and does not leave it."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 - a run always ends with a verdict
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self.interrupt = self.interrupt or error
            if self.cause is None:
                self.cause, self.where = error, name
            self._record("broken_off", **crash(name, error))
            self._tell(f"{name}: broken off: {describe(error)}")

    @property
    def detail(self) -> str | None:
        """What broke the run off, for its `end` event; None if nothing did."""
        if self.cause is None:
            return None
        return describe(self.cause) if isinstance(self.cause, EXPECTED) else f"{describe(self.cause)} ({self.where})"


def crash(where: str, error: BaseException) -> dict[str, Any]:
    """The fields of a `broken_off` event. A Problem is expected: it has no traceback."""
    expected = isinstance(error, (*EXPECTED, KeyboardInterrupt, SystemExit))
    trace = None if expected else "".join(traceback.format_exception(error))
    return {"part": where, "error": describe(error), "traceback": trace}


def describe(error: BaseException) -> str:
    """One line for people: what is expected as it is, anything else with its type."""
    if isinstance(error, EXPECTED):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
