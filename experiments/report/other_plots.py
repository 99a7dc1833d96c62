"""Plots without a time axis: the spread of repeated runs, and curves over levels."""

from collections.abc import Sequence
from statistics import median

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from firedrill.experiments.judge.schema import Level, Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.axes import Look, prediction, rows_of, seconds
from firedrill.experiments.report.palette import LIGHT, Palette, style

PHASES = ("detect", "promote", "route", "recover95")


# -- repeated runs ---------------------------------------------------------------------------------------


def strip_plot(verdicts: Sequence[Verdict], ink: Palette = LIGHT) -> Figure:
    """The outage and the phases of every run as dots (seconds, logarithmic), their median as a bar."""
    rows = {"write outage": [v.rto_ms for v in verdicts], "read outage": [v.read_outage_ms for v in verdicts]}
    rows |= {name: [getattr(v.phases, f"{name}_ms") for v in verdicts] for name in PHASES}
    with matplotlib.rc_context(style(ink, narrow=False)):
        drawn = Figure(figsize=(8.6, 0.42 * len(rows) + 0.9), facecolor="none", layout="constrained")
        axes = drawn.add_subplot()
        axes.set_xscale("log")
        for row, values in enumerate(rows.values()):
            _dots(axes, row, [max(v, 1) / 1000 for v in values if v is not None], ink)
        prediction(axes, 0, verdicts[0].predicted, ink.get)
        if verdicts[0].predicted:
            axes.legend(loc="lower left")
        rows_of(axes, list(rows))
        axes.grid(axis="x")
        axes.xaxis.set_major_formatter(FuncFormatter(seconds))
        axes.set_title(f"{len(verdicts)} runs: one dot each, the median as a bar")
        axes.set_title("min · median · max", loc="right", fontweight="normal", color=ink.muted)
    return drawn


def _dots(axes: Axes, row: int, values: list[float], ink: Palette) -> None:
    spread = [row + 0.24 * ((n * 0.618) % 1 - 0.5) for n in range(len(values))]
    axes.plot(values, spread, "o", color=ink.post, markersize=4.5, alpha=0.65, markeredgewidth=0, zorder=3)
    if values:
        axes.plot([median(values)] * 2, [row - 0.32, row + 0.32], color=ink.ink, linewidth=1.6, zorder=4)
        text = " · ".join(text_of("_ms", 1000 * value) for value in (min(values), median(values), max(values)))
        place: Look = {"xytext": (8, 0), "textcoords": "offset points", "xycoords": ("axes fraction", "data")}
        axes.annotate(text, (1, row), va="center_baseline", color=ink.muted, annotation_clip=False, **place)


# -- levels ----------------------------------------------------------------------------------------------


def levels_plot(levels: Sequence[Level], ink: Palette = LIGHT, narrow: bool = False) -> Figure:
    """Rates and latencies of reads and writes over the levels of an experiment, in their order."""
    with matplotlib.rc_context(style(ink, narrow)):
        drawn = Figure(figsize=(4.1, 4.6) if narrow else (9.6, 2.9), facecolor="none", layout="constrained")
        rate, took = drawn.subplots(2, 1) if narrow else drawn.subplots(1, 2)
        for kind, colour in (("read", ink.get), ("write", ink.post)):
            _curve(rate, [getattr(level, f"{kind}_rate") for level in levels], colour, f"{kind}s")
            _curve(took, [_in_s(getattr(level, f"{kind}_p50_ms")) for level in levels], colour, f"{kind}s p50")
            _curve(took, [_in_s(getattr(level, f"{kind}_p95_ms")) for level in levels], colour, "p95", dashed=True)
        rate.set_ylim(0, None)
        rate.set_title("Successful requests per second")
        took.set_yscale("log")
        took.yaxis.set_minor_locator(NullLocator())
        took.yaxis.set_major_formatter(FuncFormatter(seconds))
        took.set_title("Latency (log scale)")
        for axes in (rate, took):
            _level_axis(axes, levels)
    return drawn


def _level_axis(axes: Axes, levels: Sequence[Level]) -> None:
    axes.set_xticks(range(len(levels)), [level.name for level in levels])
    axes.set_xlim(-0.3, len(levels) - 0.7)
    axes.grid(axis="y")
    if axes.lines:
        axes.legend(loc="best", ncols=2)


def _curve(axes: Axes, values: list[float | None], colour: str, name: str, dashed: bool = False) -> None:
    points = [(n, value) for n, value in enumerate(values) if value is not None]
    look: Look = {"linewidth": 1.6, "marker": "o"}
    if dashed:
        look = {"linewidth": 1.0, "marker": ".", "linestyle": (0, (2, 1))}
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, markersize=4, label=name, **look)


def _in_s(value: float | None) -> float | None:
    return None if value is None else max(value, 0.1) / 1000
