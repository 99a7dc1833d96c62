"""The panels of the plot over time: the fault and the outage, requests, latencies, TCP, node roles, write routing."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from firedrill.experiments.judge.facts import Attempt
from firedrill.experiments.judge.spans import SECOND
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.judge.users import RECOVERED
from firedrill.experiments.report.axes import Look, head, label, placeholder, rows_of
from firedrill.experiments.report.series import (
    BIN,
    Band,
    View,
    counted,
    fault_spans,
    latencies,
    node_bands,
    outcome,
    proxy_bands,
    rates,
)

UNBROKEN = 2.0  # seconds without a request across which a latency line is still drawn


def outage(axes: Axes, view: View) -> None:
    """The fault in the upper row; below it the write outage, divided into its phases."""
    axes.set_ylim(0, 2)
    axes.axis("off")
    for begin, heal, clean, name in fault_spans(view):
        axes.barh(1.5, heal - begin, 0.72, begin, color=view.ink.fault)
        axes.barh(1.5, clean - heal, 0.72, heal, color=view.ink.fault, alpha=0.45)
        label(axes, view, Band(begin, heal, name), 1.5, view.ink.ink)
        label(axes, view, Band(heal, clean, "healing"), 1.5, view.ink.ink)
    parts = view.findings.failover.phases
    for name, span in parts:
        axes.barh(0.5, span.length / SECOND, 0.72, view.at(span.begin), color=getattr(view.ink, name))
        label(axes, view, Band(view.at(span.begin), view.at(span.end), name), 0.5, view.ink.on_bright)
    handles = [
        Patch(color=getattr(view.ink, name), label=f"{name} {text_of('_ms', span.length / 1e6)}")
        for name, span in parts
    ]
    _undivided(axes, view)
    head(axes, view, _outage_title(view), handles)


def _undivided(axes: Axes, view: View) -> None:
    """The part of an outage that no phase explains: all of it without a failover, or what never ended."""
    found, parts = view.findings.write_outage, view.findings.failover.phases
    if found.span and (not parts or found.state == "never"):
        begin = max(view.at(parts[-1][1].end if parts else found.span.begin), view.limits[0])
        end = min(view.at(found.span.end), view.limits[1])
        axes.barh(0.5, end - begin, 0.72, begin, color=view.ink.error)
        label(axes, view, Band(begin, end, "no writes"), 0.5, view.ink.on_bright)


def _outage_title(view: View) -> str:
    found = view.findings.write_outage
    if found.state == "seen":
        return f"Write outage: {text_of('_ms', found.ms)}"
    return "Write outage: no end" if found.state == "never" else "Write outage: not observed"


def throughput(axes: Axes, view: View) -> None:
    """Requests per second, stacked: reads, writes, errors; and the level that counts as recovered."""
    edges, counts = rates(view)
    colours = {"GET": view.ink.get, "POST": view.ink.post, "error": view.ink.error}
    floor = [0.0] * len(edges)
    for name, values in counts.items():
        top = [a + b for a, b in zip(floor, values, strict=True)]
        axes.stairs(top, [*edges, edges[-1] + BIN], baseline=floor, fill=True, color=colours[name], zorder=2)
        floor = top
    axes.set_ylim(0, max([*floor, 1]) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.grid(axis="y")
    users = bool(view.findings.requests)
    names = {"GET": "GET ok", "POST": "POST ok", "error": "errors"}
    names = names if users else {"POST": "acknowledged", "error": "not acknowledged"}
    handles: list[Any] = [Patch(color=colours[key], label=text) for key, text in names.items()]
    if users and (rate := view.findings.baseline):
        look: Look = {"color": view.ink.ink, "linewidth": 0.9, "linestyle": (0, (4, 2))}
        axes.axhline(RECOVERED * rate, zorder=3, **look)
        handles.append(Line2D([], [], label="95 % of baseline", **look))
    head(axes, view, "User requests per second" if users else "Probe writes per second", handles)
    placeholder(axes, view, any(floor), "no user requests observed")


def latency(axes: Axes, view: View) -> None:
    """Reads and writes apart: a line at the median, a band up to the 95th percentile, per second."""
    kinds: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in view.findings.attempts:
        kinds[outcome(attempt)].append(attempt)
    handles: list[Any] = []
    for name, attempts, colour in (("reads", kinds["GET"], view.ink.get), ("writes", kinds["POST"], view.ink.post)):
        if attempts:
            _line(axes, view, attempts, 0.5, {"color": colour, "linewidth": 1.6})
            _band(axes, view, attempts, colour)
            handles.append(Line2D([], [], label=name if view.narrow else f"{name} p50", color=colour, linewidth=1.6))
    if handles:
        handles.append(Patch(color=view.ink.muted, alpha=0.3, label="to p95", linewidth=0))
    if kinds["error"]:
        look: Look = {"color": view.ink.error, "marker": "x", "markersize": 3, "linestyle": "", "markeredgewidth": 0.9}
        _line(axes, view, kinds["error"], 1.0, look)
        handles.append(Line2D([], [], label="slowest error", **look))
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y / 1000:g} s" if y >= 1000 else f"{y:g} ms"))
    axes.grid(axis="y")
    head(axes, view, "Latency (log scale)", handles)
    placeholder(axes, view, bool(handles), "no requests observed")


def _points(view: View, attempts: Sequence[Attempt], share: float) -> list[tuple[float, float]]:
    """latencies() as points, with a gap where no request was due for longer than UNBROKEN."""
    points = sorted(zip(*latencies(view, attempts, share), strict=True))
    gaps = [(a[0] + BIN / 2, float("nan")) for a, b in pairwise(points) if b[0] - a[0] > UNBROKEN]
    return sorted(points + gaps, key=lambda point: point[0])


def _line(axes: Axes, view: View, attempts: Sequence[Attempt], share: float, look: Look) -> None:
    points = _points(view, attempts, share)
    axes.plot([p[0] for p in points], [p[1] for p in points], zorder=3, **look)


def _band(axes: Axes, view: View, attempts: Sequence[Attempt], colour: str) -> None:
    low, high = (_points(view, attempts, share) for share in (0.5, 0.95))
    x, floor, top = [p[0] for p in low], [p[1] for p in low], [p[1] for p in high]
    axes.fill_between(x, floor, top, color=colour, alpha=0.3, linewidth=0, zorder=2)


def transport(axes: Axes, view: View) -> None:
    """Segments that each host retransmitted, and below zero those it received with a bad checksum."""
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
    head(axes, view, "TCP segments per second: ↑ retransmitted, ↓ bad checksum", handles)
    placeholder(axes, view, bool(colours), "no retransmits, no checksum errors")


def nodes(axes: Axes, view: View) -> None:
    """The role of each database host over time, and when it accepted writes."""
    bands, taking = node_bands(view), view.findings.writable
    names = ("starting", "unreachable") if view.narrow else ("primary", "replica", "starting", "unreachable")
    for row, (host, found) in enumerate(bands.items()):
        for band in found:
            axes.barh(row, band.end - band.begin, 0.62, band.begin, color=getattr(view.ink, band.state), zorder=2)
            over = {"primary": view.ink.on_dark, "starting": view.ink.on_bright}
            label(axes, view, band, row, over.get(band.state, view.ink.ink))
        for span in taking.get(host, ()):
            axes.plot([view.at(span.begin), view.at(span.end)], [row + 0.39] * 2, color=view.ink.ink, linewidth=1.4)
    rows_of(axes, list(bands))
    _clashes(axes, view, list(bands))
    seen = {band.state for found in bands.values() for band in found}
    handles: list[Any] = [Patch(color=getattr(view.ink, n), label=n) for n in names if n in seen]
    handles.append(Line2D([], [], color=view.ink.ink, linewidth=1.4, label="accepted writes"))
    if view.findings.overlaps:
        handles.append(Patch(facecolor="none", edgecolor=view.ink.clash, linewidth=2, label="two primaries"))
    head(axes, view, "Node roles", handles)
    placeholder(axes, view, any(bands.values()), "roles not observed")


def _clashes(axes: Axes, view: View, hosts: list[str]) -> None:
    for overlap in view.findings.overlaps:
        begin, end = view.at(overlap.span.begin), view.at(overlap.span.end)
        for host in {overlap.a, overlap.b} & set(hosts):
            look: Look = {"color": "none", "edgecolor": view.ink.clash, "linewidth": 2, "zorder": 6}
            axes.barh(hosts.index(host), max(end - begin, 0.3), 0.9, begin, **look)


def proxies(axes: Axes, view: View) -> None:
    """The server to which each proxy sent writes, over time."""
    bands = proxy_bands(view)
    for row, (_, found) in enumerate(bands.items()):
        for band in found:
            bad = band.state in ("none", "unreachable")
            colour = view.ink.unreachable if bad else view.ink.clash if "+" in band.state else view.ink.primary
            axes.barh(row, band.end - band.begin, 0.62, band.begin, color=colour, zorder=2)
            label(axes, view, band, row, view.ink.ink if bad else view.ink.on_dark)
    rows_of(axes, list(bands))
    head(axes, view, "Where proxies sent writes")
