"""Load and observers around a run: started together, given time for a first word, ended together."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firedrill.experiments.judge.recording import EVERY, SPEAKS_OF
from firedrill.experiments.model import Load
from firedrill.experiments.observe import process, users
from firedrill.experiments.observe.writer import Writer, so_far
from firedrill.inventories.access import Access

FIRST_WORD_SECONDS = 20
USERS = "locust"


@dataclass(frozen=True)
class Watch:
    """Who watches one run: `observers` and, where there is a load, its users.

    `parts` is the folder of the observers' files, `log` the file for what the load generator says.
    """

    load: Load
    observers: tuple[str, ...]
    access: Access
    parts: Path
    log: Path
    write: Writer
    tell: Callable[[str], None]

    @property
    def names(self) -> list[str]:
        return [*self.observers, *([USERS] if self.load.total else [])]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Load and observers stand while the body runs."""
        started = []
        try:
            for name in self.names:
                self._note("start", name)
                started.append(self._start(name))
            self._wait_for_words()
            yield
        finally:
            observers = [one for one, name in zip(started, self.names, strict=False) if name != USERS]
            process.stop(observers)
            for one in started[len(observers) :]:
                users.stop(one)
            for name in self.names:
                self._note("stop", name)

    def _start(self, name: str):
        file = self.parts / f"{name}.jsonl"
        if name == USERS:
            return users.start(self.load, self.access, file, self.log)
        return process.start(name, self.access, file)

    def _note(self, phase: str, name: str) -> None:
        self.write("observer", phase=phase, name=name, interval_ms=process.INTERVAL_MS[name])

    def _wait_for_words(self) -> None:
        """Until each has had a word, of each of its hosts where it must; a silence that lasts is left to the judge."""
        deadline = time.monotonic() + FIRST_WORD_SECONDS
        silent = self._silent()
        while silent and time.monotonic() < deadline:
            time.sleep(0.1)
            silent = self._silent()
        if silent:
            self.tell(f"no word from {', '.join(silent)} after {FIRST_WORD_SECONDS} s")
        self.tell(f"load ({self.load}) and {len(self.names)} observers are running")

    def _silent(self) -> list[str]:
        """The observers without a first word, and those of hosts: `tcp of db1`."""
        found = []
        for name in self.names:
            file, hosts = self.parts / f"{name}.jsonl", self._hosts(name)
            if not hosts:
                found += [] if file.exists() and file.stat().st_size else [name]
                continue
            heard = {event["host"] for event in so_far(file) if event.get("reachable", True)}
            found += [f"{name} of {host}" for host in hosts if host not in heard]
        return found

    def _hosts(self, name: str) -> list[str]:
        """The hosts that an observer must speak of, each by itself."""
        inventory, role = self.access.inventory, SPEAKS_OF.get(name)
        return [host.name for host in inventory.hosts if role == EVERY or role in host.roles]


def until_writes(parts: Path, within_s: float) -> float | None:
    """Wait until a write that began after now is acknowledged; the seconds it took, None where none was in time."""
    began = time.time_ns()
    with open(parts / "write_probe.jsonl") as file:
        file.seek(0, 2)
        while time.time_ns() - began < within_s * 10**9:
            for line in file:
                event = json.loads(line) if line.endswith("\n") else {}
                if event.get("outcome") == "acked" and event["start"] > began:
                    return (event["t"] - began) / 1e9
            time.sleep(0.05)
    return None
