"""Plot the write outages of a suite: one row per experiment."""

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator

from firedrill.experiments.report.axes import Look, prediction, rows_of, seconds
from firedrill.experiments.report.palette import LIGHT, Palette, style
from firedrill.experiments.report.suite import Row


def figure(rows: Sequence[Row], ink: Palette = LIGHT, narrow: bool = False) -> Figure:
    """One row per experiment: its write outage as a dot in the colour of its verdict, the prediction as a bar."""
    with matplotlib.rc_context(style(ink, narrow)):
        height = (0.3 if narrow else 0.27) * len(rows) + 0.85
        drawn = Figure(figsize=(4.1 if narrow else 9.6, height), facecolor="none", layout="constrained")
        axes = drawn.add_subplot()
        axes.set_xscale("log")
        found = [_outage(axes, number, row, ink) for number, row in enumerate(rows)]
        known = [outage for outage in found if outage is not None]
        axes.set_xlim(min([*known, 0.01]) / 1.6, max([*known, 1]) * 1.8)
        rows_of(axes, [row.experiment.replace("_", " ") for row in rows])
        axes.grid(axis="x")
        axes.xaxis.set_major_locator(LogLocator(10))
        axes.xaxis.set_major_formatter(FuncFormatter(seconds))
        axes.set_title("Write outage (log scale)", pad=22 if narrow else 6)
        handles = _suite_legend(rows, ink)
        where: Look = {"loc": "lower right", "bbox_to_anchor": (1, 1.01)}
        if narrow:
            where = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
        axes.legend(handles=handles, ncols=len(handles), **where)
    return drawn


def _outage(axes: Axes, number: int, row: Row, ink: Palette) -> float | None:
    """Draw one experiment; return its outage in seconds."""
    found = row.figures.rto_ms if row.figures else None
    prediction(axes, number, row.figures.predicted if row.figures else None, ink.get)
    if found is None:
        look: Look = {"transform": axes.get_yaxis_transform(), "color": ink.muted, "fontsize": 7.5}
        axes.text(0.01, number, "not observed, or no end", va="center_baseline", **look)
        return None
    outage = max(found, 1) / 1000
    axes.plot(outage, number, "o", color=_colours(ink)[_group(row)], markersize=6, zorder=3)
    return outage


def _suite_legend(rows: Sequence[Row], ink: Palette) -> list[Any]:
    groups = {_group(row) for row in rows}
    handles: list[Any] = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=name)
        for name, colour in _colours(ink).items()
        if name in groups
    ]
    if any(row.figures and row.figures.predicted for row in rows):
        handles.append(Patch(color=ink.get, alpha=0.5, label="predicted"))
    return handles


def _colours(ink: Palette) -> dict[str, str]:
    return {"pass": ink.promote, "fail": ink.error, "other": ink.detect}


def _group(row: Row) -> str:
    return row.verdict if row.verdict in ("pass", "fail") else "other"
