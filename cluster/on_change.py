"""Record a state when it changes, and once a second when it does not: a gap then means that nobody was observing."""

import time
from collections.abc import Callable
from typing import Any

HEARTBEAT_S = 1.0
State = dict[str, Any]


def on_change(record: Callable[[State], None]) -> Callable[[State], None]:
    """A function to call with each sample; it passes on changes, and an unchanged state once a second."""
    last: State | None = None
    at = 0.0

    def sample(state: State) -> None:
        nonlocal last, at
        now = time.monotonic()
        if state != last or now - at >= HEARTBEAT_S:
            record(state)
            last, at = state, now

    return sample
