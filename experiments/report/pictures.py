"""Write a Matplotlib figure as a PNG file, or as SVG that takes its colours from the page."""

import io
import re
from dataclasses import fields
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from firedrill.experiments.report.palette import LIGHT, THEMED, Palette


def png(drawn: Figure, path: Path, ink: Palette = LIGHT) -> None:
    """Write a figure that was drawn in real colours."""
    drawn.savefig(path, dpi=160, facecolor=ink.paper, metadata={"Software": None})


def svg(drawn: Figure, name: str, title: str) -> str:
    """A figure drawn in THEMED as an inline SVG element whose colours are CSS variables.

    `name` becomes the class and the salt of the ids, so that two pictures on one page share none. `title` is the label
    for screen readers.
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
