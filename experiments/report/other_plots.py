"""Plots without a time axis: the spread of repeated runs, curves over levels, the write outages of a suite."""

from collections.abc import Sequence
from statistics import median
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from firedrill.experiments.judge.verdict import text_of
from firedrill.experiments.report.axes import Look, rows_of
from firedrill.experiments.report.palette import LIGHT, Palette, style


def strip_plot(verdicts: Sequence[dict], ink: Palette = LIGHT) -> Figure:
    """The outage and the phases of every run as dots (seconds, logarithmic), their median as a bar."""
    rows = {"write outage": [v["rto_ms"] for v in verdicts], "read outage": [v["read_outage_ms"] for v in verdicts]}
    for name in ("detect", "promote", "route", "recover95"):
        rows[name] = [v["phases"][f"{name}_ms"] for v in verdicts]
    with matplotlib.rc_context(style(ink, narrow=False)):
        drawn = Figure(figsize=(8.6, 0.42 * len(rows) + 0.9), facecolor="none", layout="constrained")
        axes = drawn.add_subplot()
        axes.set_xscale("log")
        for row, values in enumerate(rows.values()):
            _dots(axes, row, [max(v, 1) / 1000 for v in values if v is not None], ink)
        if predicted := verdicts[0].get("predicted"):
            low, high = (end / 1000 for end in predicted["rto_ms"])
            axes.barh(0, high - low, 0.8, low, color=ink.get, alpha=0.5, zorder=1, label="predicted")
            axes.legend(loc="lower left")
        rows_of(axes, list(rows))
        axes.grid(axis="x")
        axes.xaxis.set_major_formatter(FuncFormatter(_seconds))
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


def _seconds(x: float, _: Any = None) -> str:
    return f"{x:g} s" if x >= 1 else f"{x * 1000:g} ms"


def levels_plot(levels: Sequence[dict], ink: Palette = LIGHT, narrow: bool = False) -> Figure:
    """Rates and latencies of reads and writes over the levels of an experiment, in their order."""
    with matplotlib.rc_context(style(ink, narrow)):
        drawn = Figure(figsize=(4.1, 4.6) if narrow else (9.6, 2.9), facecolor="none", layout="constrained")
        rate, took = drawn.subplots(2, 1) if narrow else drawn.subplots(1, 2)
        for kind, colour in (("read", ink.get), ("write", ink.post)):
            _curve(rate, [level.get(f"{kind}_rate") for level in levels], colour, f"{kind}s")
            _curve(took, [_in_s(level.get(f"{kind}_p50_ms")) for level in levels], colour, f"{kind}s p50")
            _curve(took, [_in_s(level.get(f"{kind}_p95_ms")) for level in levels], colour, "p95", dashed=True)
        for axes in (rate, took):
            axes.set_xticks(range(len(levels)), [str(level["name"]) for level in levels])
            axes.set_xlim(-0.3, len(levels) - 0.7)
            axes.grid(axis="y")
        rate.set_ylim(0, None)
        took.set_yscale("log")
        took.yaxis.set_minor_locator(NullLocator())
        took.yaxis.set_major_formatter(FuncFormatter(_seconds))
        rate.set_title("Successful requests per second")
        took.set_title("Latency (log scale)")
        for axes in (rate, took):
            if axes.lines:
                axes.legend(loc="best", ncols=2)
    return drawn


def _curve(axes: Axes, values: list[float | None], colour: str, name: str, dashed: bool = False) -> None:
    points = [(n, value) for n, value in enumerate(values) if value is not None]
    look: Look = (
        {"linestyle": (0, (2, 1)), "linewidth": 1.0, "marker": "."} if dashed else {"linewidth": 1.6, "marker": "o"}
    )
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, markersize=4, label=name, **look)


def _in_s(value: float | None) -> float | None:
    return None if value is None else max(value, 0.1) / 1000


def suite_plot(rows: Sequence[Any], ink: Palette = LIGHT, narrow: bool = False) -> Figure:
    """One row per experiment: its write outage as a dot in the colour of its verdict, the prediction as a bar.

    `rows` have `experiment`, `verdict` and `figures` (a verdict.json).
    """
    colours = {"pass": ink.promote, "fail": ink.error}
    with matplotlib.rc_context(style(ink, narrow)):
        height = (0.3 if narrow else 0.27) * len(rows) + 0.85
        drawn = Figure(figsize=(4.1 if narrow else 9.6, height), facecolor="none", layout="constrained")
        axes = drawn.add_subplot()
        axes.set_xscale("log")
        known = [0.01]
        for number, row in enumerate(rows):
            found, predicted = row.figures.get("rto_ms"), row.figures.get("predicted")
            if predicted:
                low, high = (end / 1000 for end in predicted["rto_ms"])
                axes.barh(number, high - low, 0.8, low, color=ink.get, alpha=0.6, zorder=1)
            if found is None:
                look: Look = {"transform": axes.get_yaxis_transform(), "color": ink.muted, "fontsize": 7.5}
                axes.text(0.01, number, "not observed, or no end", va="center_baseline", **look)
                continue
            known.append(max(found, 1) / 1000)
            axes.plot(known[-1], number, "o", color=colours.get(row.verdict, ink.detect), markersize=6, zorder=3)
        axes.set_xlim(min(known) / 1.6, max(*known, 1) * 1.8)
        rows_of(axes, [row.experiment.replace("_", " ") for row in rows])
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(LogLocator(10))
        axes.xaxis.set_major_formatter(FuncFormatter(_seconds))
        axes.set_title("Write outage (log scale)", pad=22 if narrow else 6)
        handles: list[Any] = [
            Line2D([], [], marker="o", linestyle="", color=colour, label=name)
            for name, colour in (*colours.items(), ("other", ink.detect))
            if any((row.verdict if row.verdict in colours else "other") == name for row in rows)
        ]
        if any(row.figures.get("predicted") for row in rows):
            handles.append(Patch(color=ink.get, alpha=0.6, label="predicted"))
        where: Look = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        where = where if narrow else {"loc": "lower right", "bbox_to_anchor": (1, 1.01)}
        axes.legend(handles=handles, ncols=len(handles), **where)
    return drawn
