"""Say a state when it changes, and once a second when it does not: silence then means that nobody looked."""

import time
from collections.abc import Callable
from typing import Any

AT_LEAST_S = 1.0


def on_change(say: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """A function to call with each state seen; it passes on the changes, and the rest once a second."""
    last: dict[str, Any] | None = None
    at = 0.0

    def seen(state: dict[str, Any]) -> None:
        nonlocal last, at
        now = time.monotonic()
        if state != last or now - at >= AT_LEAST_S:
            say(state)
            last, at = state, now

    return seen
