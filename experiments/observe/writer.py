"""Append events to a file, one JSON object a line, as docs/events.md says; read what is there so far."""

import json
import time
from pathlib import Path
from typing import Any


class Writer:
    """Appends one source's events. Each line is out at once, so that a killed observer loses at most one."""

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        self._file = open(path, "a", buffering=1)  # noqa: SIM115 - closed by close()

    def __call__(self, kind: str, *, host: str | None = None, t: int | None = None, **fields: Any) -> None:
        """Write one event; `t` in ns UTC, now when it is not given."""
        event = {"t": time.time_ns() if t is None else t, "source": self.source, "host": host, "kind": kind} | fields
        self._file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()


def so_far(part: Path) -> list[dict[str, Any]]:
    """The events of a file that may still be written to; none where it is not there. A torn last line is left out."""
    lines = part.read_text().splitlines(keepends=True) if part.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def merge(parts: list[Path], target: Path) -> int:
    """Write the events of all parts, sorted by time, to `target`; return their number. A torn last line is dropped."""
    events = []
    for part in parts:
        with open(part) as file:
            events.extend((json.loads(line)["t"], line) for line in file if line.endswith("\n"))
    events.sort(key=lambda item: item[0])
    with open(target, "w") as file:
        file.writelines(line for _, line in events)
    return len(events)
