"""Compare the clocks of this machine during a run, and record what would falsify its times.

The promise: no step of the wall clock moves a moment (cluster/clock.py); that it was stepped, or that this machine was
suspended, is recorded, with how much. A suspended machine observes nothing, while the hosts go on.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firedrill.cluster import clock
from firedrill.experiments.observe import stalls
from firedrill.experiments.observe.writer import Writer

INTERVAL_S = 0.5
LEAST_NS = 20_000_000  # a smaller difference may be the reading's own
SUREST_NS = 5_000_000  # a reading that took longer compares nothing


class ClockWatch:
    """Compares each reading with the one before."""

    def __init__(self, write: Callable[..., None], tell: Callable[[str], None]) -> None:
        self._write = write
        self._tell = tell
        self._last = clock.read()
        self._ran = clock.now()

    def look(self) -> None:
        """Record a step of the wall clock, a suspension, a stall of this process."""
        reading = clock.read()
        if reading.error > SUREST_NS:
            return
        asleep, last, self._last = _asleep(reading) - _asleep(self._last), self._last, reading
        if asleep > LEAST_NS:
            self._note("suspended", f"this machine was suspended for {asleep / 1e9:.2f} s", asleep, start=self._ran)
            self._ran = clock.now()
        else:
            self._ran = stalls.note("runner", self._ran, self._write, INTERVAL_S)
        step = clock.lead(reading) - clock.lead(last)
        if abs(step) > LEAST_NS:
            self._note("step", f"this machine's clock was stepped by {step / 1e9:+.3f} s", step)

    def _note(self, kind: str, text: str, size: int, **fields: Any) -> None:
        self._write(kind, size_ms=round(size / 1e6, 3), **fields)
        self._tell(text)


def _asleep(reading: clock.Reading) -> int:
    """How long the machine was suspended since its boot."""
    return reading.boot - reading.monotonic


@contextlib.contextmanager
def watching(parts: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Compare during the body, in a thread."""
    ended = threading.Event()
    with Writer(parts / "clock.jsonl", clock.SOURCE) as write:
        watch = ClockWatch(write, tell)

        def until_ended() -> None:
            while not ended.wait(INTERVAL_S):
                with contextlib.suppress(OSError):  # a full disk ends the run elsewhere
                    watch.look()

        thread = threading.Thread(target=until_ended, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with contextlib.suppress(OSError):
                watch.look()
