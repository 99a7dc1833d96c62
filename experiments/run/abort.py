"""Abort a run as soon as its users see more errors than its stop condition allows.

A thread follows the events of the users during the steps. Once the limit is passed it signals the main thread, which
raises Aborted wherever it is; the run then heals, looks at the cluster and is judged, as after Ctrl-C.
"""

import contextlib
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firedrill.cluster import clock
from firedrill.cluster.outcomes import ACKED
from firedrill.experiments.model import AbortWhen
from firedrill.experiments.observe.writer import Follow
from firedrill.inventories.errors import Problem

SIGNAL = signal.SIGUSR1
SUCCEEDED = ("ok", ACKED)
LOOK_SECONDS = 0.2
LEAST_REQUESTS = 10  # fewer show no rate
LEAST_SILENCE_S = 10


class Aborted(BaseException):
    """The stop condition of a run is met. No `except Exception` of a step may take it for an error of its own."""


class Window:
    """The users' requests of the last seconds, and what is wrong with them."""

    def __init__(self, condition: AbortWhen, began: int) -> None:
        self._condition = condition
        self._requests: deque[tuple[int, bool]] = deque()
        self._heard = began

    def add(self, event: dict[str, Any]) -> None:
        """An event of the users: a request, or a heartbeat. `t` is ns since the epoch."""
        self._heard = max(self._heard, event["t"])
        if event["kind"] == "request":
            self._requests.append((event["t"], event["outcome"] not in SUCCEEDED))

    def reason(self, now: int) -> str | None:
        """Why the run has to be aborted at this time (ns); None if it may go on."""
        wanted = self._condition
        while self._requests and self._requests[0][0] < now - wanted.within_s * clock.SECOND:
            self._requests.popleft()
        silent = (now - self._heard) / clock.SECOND
        if silent > max(wanted.within_s, LEAST_SILENCE_S):
            return f"aborted: nothing was recorded of the users for {silent:.0f} s, so their errors are not known"
        number, failed = len(self._requests), sum(failed for _, failed in self._requests)
        if number < LEAST_REQUESTS or failed <= wanted.user_errors * number:
            return None
        return (
            f"aborted: {100 * failed / number:.1f} % of {number} requests failed in the last {wanted.within_s:g} s, "
            f"limit {100 * wanted.user_errors:g} %"
        )


@contextlib.contextmanager
def armed(condition: AbortWhen | None, users: Path) -> Iterator[None]:
    """Raise Aborted in the body as soon as the condition is met; `users` is the file of their events."""
    if condition is None:
        yield
        return
    over = threading.Event()
    reasons: list[str] = []

    def abort(*_: object) -> None:
        if not over.is_set():
            over.set()
            raise Aborted(reasons[0])

    before = signal.signal(SIGNAL, abort)
    watcher = threading.Thread(target=_watch, args=(condition, users, over, reasons.append), daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            over.set()
    finally:
        watcher.join()
        signal.signal(SIGNAL, before)


def check(condition: AbortWhen | None, users: int) -> None:
    """Raises Problem where the condition could not be watched: it would be taken for a guard that there is."""
    if condition is None:
        return
    if not users:
        raise Problem("`abort_when` counts errors of users, and this experiment has none", "give it a load")
    if threading.current_thread() is not threading.main_thread():
        raise Problem("`abort_when` takes signals, which only the main thread gets", "run it in the main thread")


def _watch(condition: AbortWhen, users: Path, over: threading.Event, found: Callable[[str], None]) -> None:
    try:
        reason = _wait_for_reason(condition, users, over)
    except Exception as error:  # noqa: BLE001 - a guard that cannot look must not let the run go on
        reason = f"aborted: the events of the users cannot be read ({type(error).__name__}: {error})"
    if reason:
        found(reason)
        signal.pthread_kill(threading.main_thread().ident or 0, SIGNAL)


def _wait_for_reason(condition: AbortWhen, users: Path, over: threading.Event) -> str | None:
    window, events = Window(condition, clock.now()), Follow(users)
    while not over.wait(LOOK_SECONDS):
        for event in events.new():
            window.add(event)
        if reason := window.reason(clock.now()):
            return reason
    return None
