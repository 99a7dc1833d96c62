"""Write what the users saw to the events file (docs/events.md, source `locust`): each request, and signs of life.

Each line is handed to the system as soon as it is known, so that a load generator that is killed leaves all it saw.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self


class Recorder:
    """Appends events to a file; without a path it only counts outcomes."""

    def __init__(self, path: str | Path | None) -> None:
        # Unbuffered: one write a line, which the system appends whole even where several processes write.
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
        """Record one request: when it was due, when it was sent, and when its answer was known (`t`), in ns UTC."""
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
        """Record that the load generator stands, with its number of users and of requests without an answer yet."""
        self._append(t=time.time_ns(), kind="alive", users=users, under_way=under_way)

    def close(self) -> None:
        """End the file; what comes later is not recorded."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, *, t: int, kind: str, **fields: Any) -> None:
        if self._file is not None:
            event = {"t": t, "source": "locust", "host": None, "kind": kind, **fields}
            os.write(self._file, json.dumps(event, separators=(",", ":")).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
