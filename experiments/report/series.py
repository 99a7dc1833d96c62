"""Turn a run's recording into what the plots draw: rates, latencies, and states over time.

All times are seconds from the first fault's injection. Dense data is binned.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from firedrill.experiments.judge.figures import Moments, succeeded
from firedrill.experiments.judge.recording import SECOND, Recording
from firedrill.experiments.judge.tcp import by_host
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
    """A recording, the colours to draw it in, and whether it is for a narrow screen."""

    rec: Recording
    ink: Palette
    narrow: bool

    @property
    def zero(self) -> int:
        return self.rec.fault_at or self.rec.window.begin

    def at(self, ns: int) -> float:
        return (ns - self.zero) / SECOND

    @cached_property
    def limits(self) -> tuple[float, float]:
        """From at most 15 s before the fault until shortly after the steady state returned."""
        seen = [e["t"] for e in self.rec.events if e["source"] not in ("runner", "ledger")]
        begin = max(-15.0, self.at(seen[0])) if seen else -1.0
        return min(begin, -0.5), max(self.at(self.rec.window.end), 1.0)


# -- requests --------------------------------------------------------------------------------------------


def asked(rec: Recording) -> list[dict]:
    """The users' requests; in a run without users, the write probe's attempts."""
    return rec.of("locust", "request") or rec.of("write_probe", "write")


def due(event: dict) -> int:
    """When a request should have started (ns). Recordings without a schedule have only its start."""
    return event.get("due") or event["start"]


def rates(view: View) -> tuple[list[float], dict[str, list[float]]]:
    """Requests per second in bins of BIN: successful GETs, successful POSTs, errors.

    Returns the bins' left edges and the rates. One bin begins at the fault.
    """
    begin, end = (int(limit // BIN) for limit in view.limits)
    counts = {name: [0.0] * (end - begin) for name in ("GET", "POST", "error")}
    for event in asked(view.rec):
        slot = int(view.at(event["t"]) // BIN) - begin
        name = event.get("method", "POST") if succeeded(event) else "error"
        if 0 <= slot < end - begin and name in counts:
            counts[name][slot] += 1 / BIN
    return [n * BIN for n in range(begin, end)], counts


def latencies(view: View, events: Iterable[dict], share: float) -> tuple[list[float], list[float]]:
    """For each second with requests: its middle, and the given quantile of their latencies in ms.

    A request counts in the second in which it was due, since that is when its user began to wait.
    """
    took: defaultdict[float, list[float]] = defaultdict(list)
    for event in events:
        took[view.at(due(event)) // BIN * BIN].append((event["t"] - due(event)) / 1e6)
    edges = [edge for edge in sorted(took) if view.limits[0] <= edge <= view.limits[1]]
    found = [sorted(took[edge]) for edge in edges]
    return [e + BIN / 2 for e in edges], [max(v[min(int(share * len(v)), len(v) - 1)], 0.1) for v in found]


def counted(view: View, name: str) -> dict[str, tuple[list[float], list[float]]]:
    """By host that counted any: the middle of each sample, and how many per second."""
    found = {}
    for host, events in sorted(by_host(view.rec).items()):
        samples = [e for e in events if e["reachable"] and e["t"] > e["start"]]
        if any(e[name] for e in samples):
            middles = [view.at((e["start"] + e["t"]) // 2) for e in samples]
            found[host] = (middles, [e[name] * SECOND / (e["t"] - e["start"]) for e in samples])
    return found


# -- states ----------------------------------------------------------------------------------------------


def states(view: View, samples: Sequence[tuple[int, str]]) -> list[Band]:
    """Samples of a state (ns, state; in order) as bands. A sample holds until the next, at most STALE seconds."""
    end = view.limits[1]
    found: list[Band] = []
    for (t, state), (following, _) in pairwise([*samples, (view.zero + int(end * SECOND), "")]):
        begin, until = view.at(t), min(view.at(following), view.at(t) + STALE, end)
        if found and found[-1].state == state and begin - found[-1].end < 0.01:
            found[-1] = Band(found[-1].begin, max(until, found[-1].end), state)
        elif until > begin:
            found.append(Band(begin, until, state))
    return [Band(max(b.begin, view.limits[0]), b.end, b.state) for b in found if b.end > view.limits[0]]


def role(event: dict) -> str:
    """A member's role from one sample: primary, replica, starting or unreachable."""
    if not event["reachable"]:
        return "unreachable"
    if event.get("state") not in ("running", "streaming"):
        return "starting"
    return "primary" if event.get("role") in ("primary", "master") else "replica"


def node_bands(view: View) -> dict[str, list[Band]]:
    """By database host: its role over time."""
    samples: dict[str, list[tuple[int, str]]] = {name: [] for name in view.rec.hosts("postgres")}
    for event in view.rec.of("patroni", "member"):
        samples.setdefault(event["host"], []).append((event["t"], role(event)))
    return {host: states(view, found) for host, found in samples.items()}


def proxy_bands(view: View) -> dict[str, list[Band]]:
    """By proxy: the servers it considers up for writes (`db1`, `none`, `db1+db2`), or `unreachable`."""
    samples: dict[str, list[tuple[int, str]]] = {name: [] for name in view.rec.hosts("proxy")}
    servers: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for event in view.rec.of("haproxy", "server"):
        host, found = event["host"], samples.setdefault(event["host"], [])
        if not event["reachable"]:
            servers[host].clear()
            found.append((event["t"], "unreachable"))
        elif event.get("backend") == "postgres_write":
            servers[host][event["server"]] = str(event.get("status")).startswith("UP")
            found.append((event["t"], "+".join(s for s, up in sorted(servers[host].items()) if up) or "none"))
    return {host: states(view, _settled(found)) for host, found in samples.items()}


def _settled(samples: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """The last sample of each 50 ms: one poll of a proxy reports its servers one by one."""
    return [one for one, after in pairwise([*samples, (1 << 63, "")]) if after[0] - one[0] > SECOND // 20]


# -- the fault and the outage ----------------------------------------------------------------------------


def fault_spans(view: View) -> list[tuple[float, float, float, str]]:
    """Each fault: when it was injected, healed and clean (seconds; at the latest the end of the plot), and its name."""
    found = []
    for fault in view.rec.injected:
        of_it = [e for e in view.rec.of("runner", "fault") if e["id"] == fault["id"] and e["t"] >= fault["t"]]
        when = {e["phase"]: view.at(e["t"]) for e in of_it}
        clean = when.get("clean", view.limits[1])
        name = f"{fault['fault'].replace('_', ' ')}: {fault.get('host') or fault.get('target')}"
        found.append((view.at(fault["t"]), when.get("heal", clean), clean, name))
    return found


def phase_spans(when: Moments) -> list[tuple[str, int, int]]:
    """The phases of the outage that are known: (`detect`, from, to in ns) and so on."""
    points = (when.fault, when.key_gone, when.promoted, when.back)
    parts = zip(("detect", "promote", "route"), pairwise(points), strict=True)
    return [(name, a, b) for name, (a, b) in parts if a is not None and b is not None]
