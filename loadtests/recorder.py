"""Record every request of the users in the events file (docs/events.md), and heartbeats.

Each line is written immediately and unbuffered, so that a killed load generator loses nothing.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, Self

from firedrill.cluster import clock


class Recorder:
    """Appends events to a file. Without a path it only counts outcomes."""

    def __init__(self, path: str | Path | None) -> None:
        # Unbuffered: one write per line, which the kernel appends atomically even if several processes write.
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if path else None
        self.outcomes: Counter[str] = Counter()

    def request(
        self,
        *,
        id: str,
        method: str,
        name: str,
        due: int,
        start: int,
        t: int,
        status: int,
        outcome: str,
        error: str | None,
    ) -> None:
        """Record one request: when it was due, sent (`start`) and answered (`t`), in ns UTC."""
        self.outcomes[f"{method} {outcome}"] += 1
        self._append(
            t=t,
            kind="request",
            id=id,
            method=method,
            name=name,
            due=due,
            start=start,
            status=status,
            outcome=outcome,
            error=error,
        )

    def alive(self, users: int, under_way: int = 0) -> None:
        """Record a heartbeat: the number of users and of requests in progress."""
        self._append(t=clock.now(), kind="alive", users=users, under_way=under_way)

    def stalled(self, start: int, t: int) -> None:
        """Record that this process did not run in between."""
        self._append(t=t, source=clock.SOURCE, kind="stalled", start=start, process="users")

    def close(self) -> None:
        """Close the file; later requests are not recorded."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, *, t: int, kind: str, source: str = "users", **fields: Any) -> None:
        if self._file is not None:
            event = {"t": t, "source": source, "host": None, "kind": kind, **fields}
            os.write(self._file, json.dumps(event, separators=(",", ":")).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
