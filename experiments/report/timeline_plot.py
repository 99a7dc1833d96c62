"""Draw a run on one time axis: what users got, how long it took, who was primary, where the proxies sent writes.

Figures are drawn in a `Palette`. `LIGHT` is for PNG; `THEMED` has a stand-in for each colour that `svg` replaces
by the CSS variable of its name, so that the page decides about light and dark. Dense data is binned.
All times are seconds from the first fault's injection.
"""

import io
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from firedrill.experiments.judge.figures import (
    RECOVERED,
    Moments,
    baseline,
    dual_primary,
    moments,
    succeeded,
    writable,
    write_outage,
)
from firedrill.experiments.judge.recording import SECOND, Recording
from firedrill.experiments.judge.tcp import by_host
from firedrill.experiments.judge.verdict import text_of

BIN = RATE_BIN = 1.0  # seconds: for how long requests took, and for how many there were
UNBROKEN = 2.0  # seconds without a request over which a line goes on: a user asks once a second
STALE = 5.0  # seconds after which a state nobody repeated is no longer known


@dataclass(frozen=True)
class Palette:
    """A colour for each thing that is drawn. Hues are Okabe and Ito's, which the colour-blind can tell apart."""

    ink: str = "#1b2127"
    muted: str = "#5d6872"
    grid: str = "#dfe4e8"
    paper: str = "#ffffff"
    get: str = "#8cc5ea"
    post: str = "#0072b2"
    error: str = "#d55e00"
    primary: str = "#0072b3"
    replica: str = "#cbd9e4"
    starting: str = "#f0d95c"
    unreachable: str = "#e08a55"
    clash: str = "#a3195b"
    on_dark: str = "#fffffe"
    on_bright: str = "#1b2128"
    detect: str = "#e69f00"
    promote: str = "#009e73"
    route: str = "#cc79a7"
    fault: str = "#9aa3ab"


LIGHT = Palette()
DARK = Palette(
    ink="#e8ecef",
    muted="#9ba7b1",
    grid="#2d363e",
    paper="#151a1f",
    get="#2f6690",
    post="#6bbcf0",
    error="#ff8b3d",
    primary="#4ea7e0",
    replica="#33434f",
    starting="#b8a534",
    unreachable="#a9592a",
    clash="#ff6fb5",
    on_dark="#0c1116",
    on_bright="#0c1116",
    detect="#d9992b",
    promote="#1fb489",
    route="#d58ab5",
    fault="#5a656e",
)
THEMED = Palette(*(f"#0102{n:02x}" for n in range(len(fields(Palette)))))


@dataclass(frozen=True)
class Band:
    """A state that lasted from begin to end (seconds)."""

    begin: float
    end: float
    state: str


@dataclass(frozen=True)
class View:
    """A recording with the seconds it is drawn over, the palette, and whether it is for a narrow screen."""

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
        """From up to 15 s before the fault until shortly after all was steady again."""
        seen = [e["t"] for e in self.rec.events if e["source"] not in ("runner", "ledger")]
        begin = max(-15.0, self.at(seen[0])) if seen else -1.0
        return min(begin, -0.5), max(self.at(self.rec.window.end), 1.0)


def css(palette: Palette) -> str:
    """The palette as CSS variables."""
    return " ".join(f"--{f.name.replace('_', '-')}: {getattr(palette, f.name)};" for f in fields(palette))


# -- from events to what is drawn ------------------------------------------------------------------------


def rates(view: View) -> tuple[list[float], dict[str, list[float]]]:
    """Requests a second in bins of RATE_BIN, by what became of them: GET or POST that succeeded, or an error.

    The bins are given by their left edges; one of them begins at the fault, and the last one is whole.
    """
    begin, end = (int(limit // RATE_BIN) for limit in view.limits)
    counts = {name: [0.0] * (end - begin) for name in ("GET", "POST", "error")}
    for event in asked(view.rec):
        slot = int(view.at(event["t"]) // RATE_BIN) - begin
        name = event.get("method", "POST") if succeeded(event) else "error"
        if 0 <= slot < end - begin and name in counts:
            counts[name][slot] += 1 / RATE_BIN
    return [n * RATE_BIN for n in range(begin, end)], counts


def asked(rec: Recording) -> list[dict]:
    """What users asked; where a run has none, what the write probe did."""
    return rec.of("locust", "request") or rec.of("write_probe", "write")


def due(event: dict) -> int:
    """When a request should have started (ns): a load of constant arrivals says so, else it is when it did."""
    return event.get("due") or event["start"]


def latencies(view: View, events: Iterable[dict], share: float) -> tuple[list[float], list[float]]:
    """For each second with events, when it was (its middle) and the share's quantile of how long they took, ms.

    An event belongs to the second in which it was due, since that is when its user began to wait.
    """
    took: defaultdict[float, list[float]] = defaultdict(list)
    for event in events:
        took[view.at(due(event)) // BIN * BIN].append((event["t"] - due(event)) / 1e6)
    edges = [edge for edge in sorted(took) if view.limits[0] <= edge <= view.limits[1]]
    found = [sorted(took[edge]) for edge in edges]
    return [e + BIN / 2 for e in edges], [max(v[min(int(share * len(v)), len(v) - 1)], 0.1) for v in found]


def states(view: View, told: Sequence[tuple[int, str]]) -> list[Band]:
    """What was told (ns, state; in order) as bands: each lasts until the next, but STALE seconds at most."""
    end = view.limits[1]
    found: list[Band] = []
    for (t, state), (following, _) in pairwise([*told, (view.zero + int(end * SECOND), "")]):
        begin, until = view.at(t), min(view.at(following), view.at(t) + STALE, end)
        if found and found[-1].state == state and begin - found[-1].end < 0.01:
            found[-1] = Band(found[-1].begin, max(until, found[-1].end), state)
        elif until > begin:
            found.append(Band(begin, until, state))
    return [Band(max(b.begin, view.limits[0]), b.end, b.state) for b in found if b.end > view.limits[0]]


def role(event: dict) -> str:
    """What Patroni's answer makes of a node: primary, replica, starting or unreachable."""
    if not event["reachable"]:
        return "unreachable"
    if event.get("state") not in ("running", "streaming"):
        return "starting"
    return "primary" if event.get("role") in ("primary", "master") else "replica"


def node_bands(view: View) -> dict[str, list[Band]]:
    """By node, what Patroni said of it."""
    told: dict[str, list[tuple[int, str]]] = {name: [] for name in view.rec.hosts("postgres")}
    for event in view.rec.of("patroni", "member"):
        told.setdefault(event["host"], []).append((event["t"], role(event)))
    return {host: states(view, words) for host, words in told.items()}


def proxy_bands(view: View) -> dict[str, list[Band]]:
    """By proxy, the servers it held for up in its backend for writes: `db1`, `none`, `db1+db2`, or unreachable."""
    told: dict[str, list[tuple[int, str]]] = {name: [] for name in view.rec.hosts("proxy")}
    servers: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for event in view.rec.of("haproxy", "server"):
        host, words = event["host"], told.setdefault(event["host"], [])
        if not event["reachable"]:
            servers[host].clear()
            words.append((event["t"], "unreachable"))
        elif event.get("backend") == "postgres_write":
            servers[host][event["server"]] = str(event.get("status")).startswith("UP")
            words.append((event["t"], "+".join(s for s, up in sorted(servers[host].items()) if up) or "none"))
    return {host: states(view, _settled(words)) for host, words in told.items()}


def _settled(words: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Only the last word of each 50 ms: one poll of a proxy tells of its servers one by one."""
    return [one for one, after in pairwise([*words, (1 << 63, "")]) if after[0] - one[0] > SECOND // 20]


# -- drawing ---------------------------------------------------------------------------------------------


def figure(rec: Recording, ink: Palette = LIGHT, narrow: bool = False) -> Figure:
    """The whole picture of a run."""
    view = View(rec, ink, narrow)
    nodes, proxies = node_bands(view), proxy_bands(view)
    head = 0.6 if narrow else 0.42
    panels = [(_strip, 0.6, head - 0.06), (_throughput, 1.75, head), (_latency, 1.55, head)]
    panels += [(_transport, 1.1, head)] if rec.of("tcp", "counters") else []
    panels.append((_nodes, 0.36 * max(len(nodes), 1), head))
    panels += [(_proxies, 0.36 * len(proxies), 0.42)] if proxies else []
    height = sum(size + above for _, size, above in panels) + 0.5
    with matplotlib.rc_context(style(ink, narrow)):
        drawn = Figure(figsize=(4.1 if narrow else 9.6, height), facecolor="none")
        _place(drawn, view, panels, height)
    return drawn


def style(ink: Palette, narrow: bool) -> dict[str, Any]:
    size = 8.0 if narrow else 9.0
    return {
        "font.family": "DejaVu Sans",
        "font.size": size,
        "svg.fonttype": "none",
        "text.color": ink.ink,
        "axes.edgecolor": ink.muted,
        "axes.labelcolor": ink.muted,
        "axes.titlecolor": ink.ink,
        "axes.titlesize": size + 0.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.7,
        "axes.axisbelow": True,
        "grid.color": ink.grid,
        "grid.linewidth": 0.7,
        "xtick.color": ink.muted,
        "ytick.color": ink.muted,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        "legend.frameon": False,
        "legend.fontsize": size - 0.5,
        "legend.handlelength": 1.2,
        "legend.handleheight": 0.8,
        "legend.columnspacing": 1.0,
        "legend.handletextpad": 0.5,
        "legend.borderaxespad": 0,
        "legend.borderpad": 0.1,
    }


def _place(drawn: Figure, view: View, panels: Sequence, height: float) -> None:
    """Set the panels under each other, sizes in inches, all on the same seconds."""
    width = drawn.get_figwidth()
    left, right = (0.58 if view.narrow else 0.62), 0.12
    bottom, first = height, None
    for draw, size, head in panels:
        bottom -= head + size
        box = (left / width, bottom / height, (width - left - right) / width, size / height)
        axes = drawn.add_axes(box, sharex=first)
        first = first or axes
        axes.set_xlim(*view.limits)
        axes.tick_params(labelbottom=False, length=3)
        draw(axes, view)
        _shade(axes, view, over=draw in (_throughput, _latency))
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("seconds from the fault" if view.rec.fault_at else "seconds")
    axes.xaxis.set_major_locator(MaxNLocator(6 if view.narrow else 11, steps=[1, 2, 5, 10], integer=True))


def _head(axes: Axes, view: View, title: str, handles: Sequence = ()) -> None:
    """A panel's title at the left, its legend at the right, or below it on a narrow screen."""
    axes.set_title(title, pad=19 if view.narrow and handles else 6)
    if handles:
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1)} if view.narrow else {}
        place = place or {"loc": "lower right", "bbox_to_anchor": (1, 1)}
        room = 4 / 72 / (axes.get_position().height * axes.figure.get_figheight())
        place["bbox_to_anchor"] = (place["bbox_to_anchor"][0], 1 + room)
        axes.legend(handles=handles, ncols=len(handles), **place)


def fault_spans(view: View) -> list[tuple[float, float, float, str]]:
    """For each fault: injected, healed and clean (seconds; the end of the picture where it was not), and its name."""
    found = []
    for fault in view.rec.injected:
        told = [e for e in view.rec.of("runner", "fault") if e["id"] == fault["id"] and e["t"] >= fault["t"]]
        when = {e["phase"]: view.at(e["t"]) for e in told}
        clean = when.get("clean", view.limits[1])
        name = f"{fault['fault'].replace('_', ' ')}: {fault.get('host') or fault.get('target')}"
        found.append((view.at(fault["t"]), when.get("heal", clean), clean, name))
    return found


def _shade(axes: Axes, view: View, over: bool) -> None:
    """Shade the faults, and mark the turns of the failover, over what is drawn or under it."""
    for begin, heal, clean, _ in fault_spans(view):
        axes.axvspan(begin, heal, color=view.ink.fault, alpha=0.13, linewidth=0, zorder=0)
        axes.axvspan(heal, clean, color=view.ink.fault, alpha=0.06, linewidth=0, zorder=0)
        axes.axvline(begin, color=view.ink.ink, linewidth=0.9, zorder=5)
    when = moments(view.rec)
    for t in (when.key_gone, when.promoted, when.back):
        if t is not None:
            axes.axvline(
                view.at(t), color=view.ink.muted, linewidth=0.6, linestyle=(0, (3, 2)), zorder=4 if over else 1
            )


def phase_spans(when: Moments) -> list[tuple[str, int, int]]:
    """The outage's parts that are known: (`detect`, from, to in ns) and so on."""
    points = (when.fault, when.key_gone, when.promoted, when.back)
    parts = zip(("detect", "promote", "route"), pairwise(points), strict=True)
    return [(name, a, b) for name, (a, b) in parts if a is not None and b is not None]


def _strip(axes: Axes, view: View) -> None:
    """The fault above, the outage below it, split into its phases; their lengths in the legend."""
    axes.set_ylim(0, 2)
    axes.axis("off")
    for begin, heal, clean, name in fault_spans(view):
        axes.barh(1.5, heal - begin, 0.72, begin, color=view.ink.fault)
        axes.barh(1.5, clean - heal, 0.72, heal, color=view.ink.fault, alpha=0.45)
        _word(axes, view, Band(begin, heal, name), 1.5, view.ink.ink)
        _word(axes, view, Band(heal, clean, "healing"), 1.5, view.ink.ink)
    parts = phase_spans(moments(view.rec))
    for name, begin, end in parts:
        axes.barh(0.5, (end - begin) / SECOND, 0.72, view.at(begin), color=getattr(view.ink, name))
        _word(axes, view, Band(view.at(begin), view.at(end), name), 0.5, view.ink.on_bright)
    handles = [
        Patch(color=getattr(view.ink, name), label=f"{name} {text_of('_ms', (end - begin) / 1e6)}")
        for name, begin, end in parts
    ]
    _head(axes, view, _outage_title(axes, view), handles)


def _outage_title(axes: Axes, view: View) -> str:
    found = write_outage(view.rec)
    parts = phase_spans(moments(view.rec))
    if found.span and (not parts or found.state == "never"):
        begin = max(view.at(parts[-1][2] if parts else found.span.begin), view.limits[0])
        end = min(view.at(found.span.end), view.limits[1])
        axes.barh(0.5, end - begin, 0.72, begin, color=view.ink.error)
        _word(axes, view, Band(begin, end, "no write"), 0.5, view.ink.on_bright)
    if found.state == "seen":
        return f"Writes out for {text_of('_ms', found.ms)}"
    return "Writes never came back" if found.state == "never" else "Outage of writes not observed"


def _throughput(axes: Axes, view: View) -> None:
    edges, counts = rates(view)
    colours = {"GET": view.ink.get, "POST": view.ink.post, "error": view.ink.error}
    floor = [0.0] * len(edges)
    for name, values in counts.items():
        top = [a + b for a, b in zip(floor, values, strict=True)]
        axes.stairs(top, [*edges, edges[-1] + RATE_BIN], baseline=floor, fill=True, color=colours[name], zorder=2)
        floor = top
    axes.set_ylim(0, max([*floor, 1]) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y")
    names = {"GET": "GET ok", "POST": "POST ok", "error": "errors"}
    handles: list[Any] = [Patch(color=colours[k], label=v) for k, v in names.items()]
    if rate := baseline(view.rec):
        look = {"color": view.ink.ink, "linewidth": 0.9, "linestyle": (0, (4, 2))}
        axes.axhline(RECOVERED * rate, zorder=3, **look)
        handles.append(Line2D([], [], label="95 % of before", **look))
    users = bool(view.rec.of("locust", "request"))
    names = names if users else {"POST": "acknowledged", "error": "not acknowledged"}
    handles = handles if users else [Patch(color=colours[k], label=v) for k, v in names.items()]
    _head(axes, view, "Users’ requests a second" if users else "The probe’s writes a second", handles)
    _empty(axes, view, any(floor), "no users observed")


def _latency(axes: Axes, view: View) -> None:
    """Reads and writes apart: a line at the median, a band up to the 95th percentile, by second."""
    requests = asked(view.rec)
    good = [e for e in requests if succeeded(e)]
    reads = [e for e in good if e.get("method") == "GET"]
    bad = [e for e in requests if not succeeded(e)]
    drawn = [("reads", reads, view.ink.get), ("writes", [e for e in good if e.get("method") != "GET"], view.ink.post)]
    handles: list[Any] = []
    for name, events, colour in drawn:
        if events:
            _line(axes, view, events, 0.5, {"color": colour, "linewidth": 1.6})
            _band(axes, view, events, colour)
            handles.append(Line2D([], [], label=name if view.narrow else f"{name} p50", color=colour, linewidth=1.6))
    if handles:
        handles.append(Patch(color=view.ink.muted, alpha=0.3, label="to p95", linewidth=0))
    if bad:
        look = {"color": view.ink.error, "marker": "x", "markersize": 3, "linestyle": "", "markeredgewidth": 0.9}
        _line(axes, view, bad, 1.0, look)
        handles.append(Line2D([], [], label="slowest error", **look))
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / 1000:g} s" if y >= 1000 else f"{y:g} ms"))
    axes.grid(axis="y")
    _head(axes, view, "How long they took" if not view.narrow else "How long they took (log)", handles)
    _empty(axes, view, bool(handles), "no requests observed")


def counted(view: View, name: str) -> dict[str, tuple[list[float], list[float]]]:
    """By host that had any: when (the middle of each word), and how many a second."""
    found = {}
    for host, events in sorted(by_host(view.rec).items()):
        told = [e for e in events if e["reachable"] and e["t"] > e["start"]]
        if any(e[name] for e in told):
            middles = [view.at((e["start"] + e["t"]) // 2) for e in told]
            found[host] = (middles, [e[name] * SECOND / (e["t"] - e["start"]) for e in told])
    return found


def _transport(axes: Axes, view: View) -> None:
    """Segments sent again by each host, and below zero those that came to it with a wrong checksum."""
    again, wrong = counted(view, "retransmits"), counted(view, "checksum_errors")
    hues = [view.ink.post, view.ink.detect, view.ink.promote, view.ink.route, view.ink.muted]
    colours = {host: hues[min(n, len(hues) - 1)] for n, host in enumerate(sorted({*again, *wrong}))}
    for sign, found in ((1, again), (-1, wrong)):
        for host, (x, y) in found.items():
            axes.plot(x, [sign * value for value in y], color=colours[host], linewidth=1.2, zorder=3)
    axes.axhline(0, color=view.ink.muted, linewidth=0.7)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{abs(y):g}"))
    axes.grid(axis="y")
    handles = [Line2D([], [], color=colour, label=host) for host, colour in colours.items()]
    _head(axes, view, "TCP segments a second: ↑ sent again, ↓ came corrupted", handles)
    _empty(axes, view, bool(colours), "none sent again, none corrupted")


def _points(view: View, events: list[dict], share: float) -> list[tuple[float, float]]:
    """latencies() as points, with a gap where nothing was asked for long."""
    points = sorted(zip(*latencies(view, events, share), strict=True))
    gaps = [(a[0] + BIN / 2, float("nan")) for a, b in pairwise(points) if b[0] - a[0] > UNBROKEN]
    return sorted(points + gaps, key=lambda point: point[0])


def _line(axes: Axes, view: View, events: list[dict], share: float, look: dict[str, Any]) -> None:
    points = _points(view, events, share)
    axes.plot([p[0] for p in points], [p[1] for p in points], zorder=3, **look)


def _band(axes: Axes, view: View, events: list[dict], colour: str) -> None:
    low, high = (_points(view, events, share) for share in (0.5, 0.95))
    x, floor, top = [p[0] for p in low], [p[1] for p in low], [p[1] for p in high]
    axes.fill_between(x, floor, top, color=colour, alpha=0.3, linewidth=0, zorder=2)


def _nodes(axes: Axes, view: View) -> None:
    bands, taking = node_bands(view), writable(view.rec)
    names = ("starting", "unreachable") if view.narrow else ("primary", "replica", "starting", "unreachable")
    for row, (host, found) in enumerate(bands.items()):
        for band in found:
            axes.barh(row, band.end - band.begin, 0.62, band.begin, color=getattr(view.ink, band.state), zorder=2)
            over = {"primary": view.ink.on_dark, "starting": view.ink.on_bright}
            _word(axes, view, band, row, over.get(band.state, view.ink.ink))
        for span, _ in taking.get(host, ()):
            axes.plot([view.at(span.begin), view.at(span.end)], [row + 0.39] * 2, color=view.ink.ink, linewidth=1.4)
    rows_of(axes, list(bands))
    _clashes(axes, view, list(bands))
    handles = [Patch(color=getattr(view.ink, n), label=n) for n in names if _any(bands, n)]
    handles.append(Line2D([], [], color=view.ink.ink, linewidth=1.4, label="took writes"))
    if dual_primary(view.rec):
        handles.append(Patch(facecolor="none", edgecolor=view.ink.clash, linewidth=2, label="two primaries"))
    _head(axes, view, "Who was primary", handles)
    _empty(axes, view, any(bands.values()), "Patroni not observed")


def _any(bands: dict[str, list[Band]], state: str) -> bool:
    return any(band.state == state for found in bands.values() for band in found)


def _clashes(axes: Axes, view: View, hosts: list[str]) -> None:
    for a, b, span in dual_primary(view.rec):
        for host in {a, b} & set(hosts):
            begin, end = view.at(span.begin), view.at(span.end)
            axes.barh(hosts.index(host), max(end - begin, 0.3), 0.9, begin, color="none", edgecolor=view.ink.clash,
                      linewidth=2, zorder=6)  # fmt: skip


def _proxies(axes: Axes, view: View) -> None:
    bands = proxy_bands(view)
    for row, (_, found) in enumerate(bands.items()):
        for band in found:
            bad = band.state in ("none", "unreachable")
            colour = view.ink.unreachable if bad else view.ink.clash if "+" in band.state else view.ink.primary
            axes.barh(row, band.end - band.begin, 0.62, band.begin, color=colour, zorder=2)
            _word(axes, view, band, row, view.ink.ink if bad else view.ink.on_dark)
    rows_of(axes, list(bands))
    _head(axes, view, "Where HAProxy sent writes")


def rows_of(axes: Axes, hosts: list[str]) -> None:
    axes.set_ylim(max(len(hosts), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(hosts)), hosts)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _word(axes: Axes, view: View, band: Band, row: float, colour: str) -> None:
    """Write a band's state at its beginning, if the band is wide enough for it."""
    begin, end = max(band.begin, view.limits[0]), min(band.end, view.limits[1])
    points = axes.get_position().width * axes.figure.get_figwidth() * 72 / (view.limits[1] - view.limits[0])
    size = 6.8 if view.narrow else 7.8
    if (end - begin) * points > 0.62 * size * len(band.state) + 8:
        look = {"fontsize": size, "ha": "left", "va": "center_baseline", "zorder": 7}
        axes.text(begin + 5 / points, row, band.state, color=colour, **look)


def _empty(axes: Axes, view: View, drawn: bool, text: str) -> None:
    if not drawn:
        axes.text(0.5, 0.5, text, transform=axes.transAxes, color=view.ink.muted, ha="center", va="center")
        axes.set_yticks([])


# -- files -----------------------------------------------------------------------------------------------


def png(drawn: Figure, path: Path, ink: Palette = LIGHT) -> None:
    """Write a figure drawn in a palette of real colours."""
    drawn.savefig(path, dpi=160, facecolor=ink.paper, metadata={"Software": None})


def svg(drawn: Figure, name: str, title: str) -> str:
    """A figure drawn in THEMED as an inline SVG element whose colours are CSS variables.

    `name` keeps its ids apart from those of other pictures on the page; `title` says what it shows.
    """
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        drawn.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    found = text.getvalue()
    found = re.sub(r"<metadata>.*?</metadata>\s*", "", found[found.index("<svg") :], flags=re.DOTALL)
    for f in fields(Palette):
        found = found.replace(getattr(THEMED, f.name), f"var(--{f.name.replace('_', '-')})")
    found = re.sub(r'<g id="[^"]*"', "<g", found).replace("*{stroke", f".{name} *{{stroke")
    found = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", found, count=1)
    found = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", found, count=1)
    return found.replace("<svg ", f'<svg class="{name}" role="img" aria-label="{title}" ', 1)
