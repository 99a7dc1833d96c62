"""Append events to a file, one JSON object a line (docs/events.md); read those recorded so far; merge files."""

import json
from pathlib import Path
from typing import Any

from firedrill.cluster import clock


class Writer:
    """Appends one source's events. Each line is written immediately: a killed observer loses at most one."""

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        self._file = open(path, "a", buffering=1)  # noqa: SIM115 - closed by close()

    def __call__(self, kind: str, *, host: str | None = None, t: int | None = None, **fields: Any) -> None:
        """Write one event; `t` in ns UTC, by default now."""
        event = {"t": clock.now() if t is None else t, "source": self.source, "host": host, "kind": kind} | fields
        self._file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()


def so_far(part: Path) -> list[dict[str, Any]]:
    """The events of a file that may still be written to; none if it does not exist. A torn last line is left out."""
    lines = part.read_text().splitlines(keepends=True) if part.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


class Follow:
    """What is appended to a file of events, by whole lines: from its beginning, or from the last whole line of now."""

    def __init__(self, part: Path, *, from_now: bool = False) -> None:
        self._part = part
        self._place = part.read_bytes().rfind(b"\n") + 1 if from_now else 0

    def new(self) -> list[dict[str, Any]]:
        """The events since the last call; none while there is no file."""
        if not self._part.exists():
            return []
        with open(self._part, "rb") as file:
            file.seek(self._place)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def merge(parts: list[Path], target: Path) -> int:
    """Write the events of all parts, sorted by time, to `target`; return their number. A torn last line is dropped."""
    events: list[tuple[int, str]] = []
    for part in parts:
        with open(part) as file:
            events.extend((json.loads(line)["t"], line) for line in file if line.endswith("\n"))
    events.sort(key=lambda item: item[0])
    with open(target, "w") as file:
        file.writelines(line for _, line in events)
    return len(events)
