"""Draw a run on one time axis: the panels of panels.py, one below the other, with the faults shaded."""

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.report import alerts, panels
from firedrill.experiments.report.axes import Look
from firedrill.experiments.report.palette import LIGHT, Palette, style
from firedrill.experiments.report.series import View, fault_spans, node_bands, proxy_bands


def figure(findings: Findings, ink: Palette = LIGHT, narrow: bool = False) -> Figure:
    """The complete plot of a run."""
    view = View(findings, ink, narrow)
    nodes, proxies = node_bands(view), proxy_bands(view)
    head = 0.6 if narrow else 0.42
    rows = [(panels.outage, 0.6, head - 0.06), (panels.throughput, 1.75, head), (panels.latency, 1.55, head)]
    rows += [(panels.transport, 1.1, head)] if findings.tcp_samples else []
    rows.append((panels.nodes, 0.36 * max(len(nodes), 1), head))
    rows += [(panels.proxies, 0.36 * len(proxies), 0.42)] if proxies else []
    rows += [(alerts.panel, 0.3 * len(told), head)] if (told := alerts.shown(findings)) else []
    height = sum(size + above for _, size, above in rows) + 0.5
    with matplotlib.rc_context(style(ink, narrow)):
        drawn = Figure(figsize=(4.1 if narrow else 9.6, height), facecolor="none")
        _place(drawn, view, rows, height)
    return drawn


def _place(drawn: Figure, view: View, rows: Sequence, height: float) -> None:
    """Place the panels below each other (sizes in inches) on one shared time axis."""
    width = drawn.get_figwidth()
    left, right = (0.58 if view.narrow else 0.62), 0.12
    bottom, first = height, None
    for draw, size, head in rows:
        bottom -= head + size
        box = (left / width, bottom / height, (width - left - right) / width, size / height)
        axes = drawn.add_axes(box, sharex=first)
        first = first or axes
        axes.set_xlim(*view.limits)
        axes.tick_params(labelbottom=False, length=3)
        draw(axes, view)
        _shade(axes, view, over=draw in (panels.throughput, panels.latency))
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("seconds from the fault" if view.findings.fault_at else "seconds")
    axes.xaxis.set_major_locator(MaxNLocator(6 if view.narrow else 11, steps=[1, 2, 5, 10], integer=True))


def _shade(axes: Axes, view: View, over: bool) -> None:
    """Shade the faults, and mark the moments of the failover above or below what is drawn."""
    for begin, heal, clean, _ in fault_spans(view):
        axes.axvspan(begin, heal, color=view.ink.fault, alpha=0.13, linewidth=0, zorder=0)
        axes.axvspan(heal, clean, color=view.ink.fault, alpha=0.06, linewidth=0, zorder=0)
        axes.axvline(begin, color=view.ink.ink, linewidth=0.9, zorder=5)
    when = view.findings.failover
    look: Look = {"color": view.ink.muted, "linewidth": 0.6, "linestyle": (0, (3, 2)), "zorder": 4 if over else 1}
    for t in (when.released, when.promoted, when.routed):
        if t is not None:
            axes.axvline(view.at(t), **look)
