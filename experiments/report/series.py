"""Turn a run's findings into what the plots draw: rates, latencies, and states over time.

All times are seconds from the first fault's injection. Dense data is binned.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from firedrill.experiments.judge.facts import Attempt
from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.spans import SECOND
from firedrill.experiments.report.palette import Palette

BIN = 1.0  # seconds per bin, for latencies and for rates
STALE = 5.0  # seconds after which a state that was not reported again is no longer known


@dataclass(frozen=True)
class Band:
    """A state that lasted from begin to end (seconds)."""

    begin: float
    end: float
    state: str


@dataclass(frozen=True)
class View:
    """Findings, the colours to draw them in, and whether it is for a narrow screen."""

    findings: Findings
    ink: Palette
    narrow: bool

    def at(self, ns: int) -> float:
        return (ns - self.findings.zero) / SECOND

    @cached_property
    def limits(self) -> tuple[float, float]:
        """From at most 15 s before the fault until shortly after the steady state returned."""
        first = self.findings.observed_from
        begin = -1.0 if first is None else max(-15.0, self.at(first))
        return min(begin, -0.5), max(self.at(self.findings.window.end), 1.0)


# -- requests --------------------------------------------------------------------------------------------


def outcome(attempt: Attempt) -> str:
    """What a request counts as: GET or POST if it succeeded, otherwise error."""
    if not attempt.succeeded:
        return "error"
    return "GET" if attempt.method == "GET" else "POST"


def rates(view: View) -> tuple[list[float], dict[str, list[float]]]:
    """Requests per second in bins of BIN: successful GETs, successful POSTs, errors.

    Returns the bins' left edges and the rates. One bin begins at the fault.
    """
    begin, end = (int(limit // BIN) for limit in view.limits)
    counts = {name: [0.0] * (end - begin) for name in ("GET", "POST", "error")}
    for attempt in view.findings.attempts:
        slot = int(view.at(attempt.t) // BIN) - begin
        if 0 <= slot < end - begin:
            counts[outcome(attempt)][slot] += 1 / BIN
    return [n * BIN for n in range(begin, end)], counts


def latencies(view: View, attempts: Iterable[Attempt], share: float) -> tuple[list[float], list[float]]:
    """For each second with requests: its middle, and the given quantile of their latencies in ms.

    A request counts in the second in which it was due, since that is when its user began to wait.
    """
    took: defaultdict[float, list[float]] = defaultdict(list)
    for attempt in attempts:
        took[view.at(attempt.due) // BIN * BIN].append((attempt.t - attempt.due) / 1e6)
    edges = [edge for edge in sorted(took) if view.limits[0] <= edge <= view.limits[1]]
    found = [sorted(took[edge]) for edge in edges]
    return [e + BIN / 2 for e in edges], [max(v[min(int(share * len(v)), len(v) - 1)], 0.1) for v in found]


def counted(view: View, name: str) -> dict[str, tuple[list[float], list[float]]]:
    """By host that counted any: the middle of each sample, and how many per second."""
    found = {}
    for host, samples in sorted(view.findings.tcp_samples.items()):
        known = [(s, getattr(s, name)) for s in samples if s.reachable and s.t > s.start]
        if any(count for _, count in known):
            middles = [view.at((sample.start + sample.t) // 2) for sample, _ in known]
            found[host] = (middles, [count * SECOND / (sample.t - sample.start) for sample, count in known])
    return found


# -- states ----------------------------------------------------------------------------------------------


def states(view: View, samples: Sequence[tuple[int, str]]) -> list[Band]:
    """Samples of a state (ns, state; in order) as bands. A sample holds until the next, at most STALE seconds."""
    end = view.limits[1]
    found: list[Band] = []
    for (t, state), (following, _) in pairwise([*samples, (view.findings.zero + int(end * SECOND), "")]):
        begin, until = view.at(t), min(view.at(following), view.at(t) + STALE, end)
        if found and found[-1].state == state and begin - found[-1].end < 0.01:
            found[-1] = Band(found[-1].begin, max(until, found[-1].end), state)
        elif until > begin:
            found.append(Band(begin, until, state))
    return [Band(max(b.begin, view.limits[0]), b.end, b.state) for b in found if b.end > view.limits[0]]


def node_bands(view: View) -> dict[str, list[Band]]:
    """By database host: its role over time."""
    members = view.findings.members
    hosts = dict.fromkeys([*view.findings.run.databases, *members])
    return {host: states(view, [(s.t, s.state) for s in members.get(host, ())]) for host in hosts}


def proxy_bands(view: View) -> dict[str, list[Band]]:
    """By proxy: the servers it considers up for writes (`db1`, `none`, `db1+db2`), or `unreachable`."""
    routes = view.findings.routes
    hosts = dict.fromkeys([*view.findings.run.proxies, *routes])
    return {host: states(view, [(s.t, _route(s.servers)) for s in routes.get(host, ())]) for host in hosts}


def _route(servers: Sequence[str] | None) -> str:
    return "unreachable" if servers is None else "+".join(sorted(servers)) or "none"


def fault_spans(view: View) -> list[tuple[float, float, float, str]]:
    """Each fault: when it was injected, healed and clean (seconds; at the latest the end of the plot), and its name."""
    found = []
    for fault in view.findings.faults:
        when = {event.phase: view.at(event.t) for event in fault.phases}
        clean = when.get("clean", view.limits[1])
        name = f"{fault.fault.replace('_', ' ')}: {fault.host or fault.target}"
        found.append((view.at(fault.injected), when.get("heal", clean), clean, name))
    return found
