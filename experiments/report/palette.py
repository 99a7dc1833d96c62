"""The colours of the plots and of the page, for light and dark, and Matplotlib's style made from them.

`LIGHT` is for PNG files. `THEMED` holds a placeholder for each colour: `pictures.svg` replaces it with the CSS
variable of the same name, so that the page follows the reader's theme.
"""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Palette:
    """One colour for each thing drawn. The hues are those of Okabe and Ito, which the colour-blind can tell apart."""

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


def css(palette: Palette) -> str:
    """The palette as CSS variables."""
    return " ".join(f"--{f.name.replace('_', '-')}: {getattr(palette, f.name)};" for f in fields(palette))


def style(ink: Palette, narrow: bool) -> Any:
    """Matplotlib's settings for a palette; the type is smaller on a narrow screen."""
    size = 8.0 if narrow else 9.0
    return {
        "font.family": "DejaVu Sans",
        "font.size": size,
        "svg.fonttype": "none",
        "text.parse_math": False,  # a name with dollar signs is not a formula
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
