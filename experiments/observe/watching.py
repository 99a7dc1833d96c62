"""Load and observers during a run: started together, awaited until each has recorded a sample, ended together."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firedrill.cluster import clock
from firedrill.cluster.observer import UNOBSERVED, Observer, Write
from firedrill.experiments.model import Load
from firedrill.experiments.observe import process, users
from firedrill.experiments.observe.catalogue import USERS
from firedrill.experiments.observe.writer import Follow, so_far
from firedrill.inventories.access import Access

FIRST_SAMPLE_SECONDS = 20


@dataclass(frozen=True)
class Watch:
    """What observes one run: `observers`, and its users if they are among them.

    `parts` is the folder of the observers' files, `log` the file for the output of the load generator.
    """

    load: Load
    observers: tuple[Observer, ...]
    access: Access
    parts: Path
    log: Path
    write: Write
    tell: Callable[[str], None]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Load and observers run during the body."""
        started = []
        try:
            for row in self.observers:
                self._note("start", row)
                started.append(self._start(row))
            self._await_samples()
            yield
        finally:
            pairs = list(zip(self.observers, started, strict=False))
            process.stop([one for row, one in pairs if row is not USERS])
            for row, one in pairs:
                if row is USERS:
                    users.stop(one)
            for row in self.observers:
                self._note("stop", row)

    def _start(self, row: Observer) -> process.Popen:
        file = self._file(row)
        if row is USERS:
            return users.start(self.load, self.access, file, self.log)
        return process.start(row.name, self.access, file)

    def _file(self, row: Observer) -> Path:
        return self.parts / f"{row.name}.jsonl"

    def _note(self, phase: str, row: Observer) -> None:
        self.write("observer", phase=phase, name=row.name, interval_ms=row.interval_ms)

    def _await_samples(self) -> None:
        """Until each has recorded a sample, of each of its hosts if it reports on hosts; the judge deals with gaps."""
        deadline = time.monotonic() + FIRST_SAMPLE_SECONDS
        silent = self._silent()
        while silent and time.monotonic() < deadline:
            time.sleep(0.1)
            silent = self._silent()
        if silent:
            self.tell(f"no sample from {', '.join(silent)} after {FIRST_SAMPLE_SECONDS} s")
        self.tell(f"load ({self.load}) and {len(self.observers)} observers are running")

    def _silent(self) -> list[str]:
        """The observers without a sample, or with hosts that they have not reached: `tcp of db1 (timed out)`."""
        found = []
        for row in self.observers:
            file, hosts = self._file(row), row.names(self.access)
            if hosts is None:
                found += [] if file.exists() and file.stat().st_size else [row.name]
                continue
            events = so_far(file)
            reached = {
                event["host"] for event in events if event.get("kind") != UNOBSERVED and event.get("reachable", True)
            }
            causes = {event["host"]: f" ({event['error']})" for event in events if event.get("error")}
            found += [f"{row.name} of {host}{causes.get(host, '')}" for host in hosts if host not in reached]
        return found


def until_writes(parts: Path, within_s: float) -> float | None:
    """Wait until a write that began after now is acknowledged; the seconds it took, None on timeout."""
    began, probe = clock.now(), Follow(parts / "write_probe.jsonl", from_now=True)
    while clock.now() - began < within_s * 10**9:
        for event in probe.new():
            if event.get("outcome") == "acked" and event["start"] > began:
                return float(event["t"] - began) / 1e9
        time.sleep(0.05)
    return None
