"""What plots share: titles with a legend, labels inside bars, one row per host, units of ticks."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from firedrill.experiments.judge.schema import Prediction
from firedrill.experiments.report.series import Band, View

Look = dict[str, Any]  # properties of what Matplotlib draws


def head(axes: Axes, view: View, title: str, handles: Sequence = ()) -> None:
    """The panel's title on the left and its legend on the right, or below the title on a narrow screen."""
    axes.set_title(title, pad=19 if view.narrow and handles else 6)
    if not handles:
        return
    room = 4 / 72 / (axes.get_position().height * size(axes)[1])
    place: Look = {"loc": "lower left"} if view.narrow else {"loc": "lower right"}
    axes.legend(handles=handles, ncols=len(handles), bbox_to_anchor=(0 if view.narrow else 1, 1 + room), **place)


def size(axes: Axes) -> tuple[float, float]:
    """The width and height of the figure, in inches."""
    figure = axes.get_figure(root=True)
    assert figure is not None, "drawn axes belong to a figure"
    return figure.get_figwidth(), figure.get_figheight()


def label(axes: Axes, view: View, band: Band, row: float, colour: str) -> None:
    """Write a band's state at its beginning if the band is wide enough for the text."""
    begin, end = max(band.begin, view.limits[0]), min(band.end, view.limits[1])
    points = axes.get_position().width * size(axes)[0] * 72 / (view.limits[1] - view.limits[0])
    points_high = 6.8 if view.narrow else 7.8
    if (end - begin) * points > 0.62 * points_high * len(band.state) + 8:
        look: Look = {"fontsize": points_high, "ha": "left", "va": "center_baseline", "zorder": 7}
        axes.text(begin + 5 / points, row, band.state, color=colour, **look)


def placeholder(axes: Axes, view: View, drawn: bool, text: str) -> None:
    """Say why a panel is empty, unless something was drawn."""
    if not drawn:
        axes.text(0.5, 0.5, text, transform=axes.transAxes, color=view.ink.muted, ha="center", va="center")
        axes.set_yticks([])


def rows_of(axes: Axes, names: Sequence[str]) -> None:
    """One row per name, the first one at the top."""
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def seconds(x: float, _: Any = None) -> str:
    """The label of a tick on an axis in seconds."""
    return f"{x:g} s" if x >= 1 else f"{x * 1000:g} ms"


def prediction(axes: Axes, row: int, predicted: Prediction | None, colour: str) -> None:
    """A wide bar behind a row: the range that the timing model predicts."""
    if predicted:
        low, high = (end / 1000 for end in predicted.rto_ms)
        axes.barh(row, high - low, 0.8, low, color=colour, alpha=0.5, zorder=1, label="predicted")
