"""Whether the controller lost time that only the hosts' clocks show: it was paused as a whole, and did not notice."""

from collections.abc import Iterable
from statistics import median

from firedrill.experiments.judge.facts import Fault, HostClock
from firedrill.experiments.judge.recording import Recording

LEAST_MS = 1000.0
TOGETHER_MS = 500.0  # clocks that moved together differ by less


def lost_ms(rec: Recording, faults: Iterable[Fault]) -> float | None:
    """By how much the clocks of two hosts or more moved ahead together during the run; None if they did not.

    Hosts with a fault do not count: its kind may move their clocks.
    """
    hit = {fault.host for fault in faults}
    moved = [(last.offset_ms - first.offset_ms, first.error_ms + last.error_ms)
             for host, (first, last) in _by_host(rec).items() if host not in hit]  # fmt: skip
    if len(moved) < 2:
        return None
    middle = median(ms for ms, _ in moved)
    together = all(abs(ms - middle) <= TOGETHER_MS + error for ms, error in moved)
    return middle if together and middle > LEAST_MS + max(error for _, error in moved) else None


def _by_host(rec: Recording) -> dict[str, tuple[HostClock, HostClock]]:
    """The first and the last comparison with each host."""
    found: dict[str, tuple[HostClock, HostClock]] = {}
    for event in rec.of("runner", "host_clock"):
        now = HostClock(event["host"], event["offset_ms"], event["error_ms"])
        found[event["host"]] = (found[event["host"]][0] if event["host"] in found else now, now)
    return found
