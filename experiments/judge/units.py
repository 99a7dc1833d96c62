"""Figures as people write them."""

from typing import Any


def text_of(metric: str, value: Any) -> str:
    """A figure with its unit: `21.03 s` for 21030 in a metric that ends in `_ms`."""
    if value is None:
        return "not observed"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " to ".join(text_of(metric, item) for item in value)
    if not isinstance(value, int | float):
        return str(value)
    if not metric.endswith("_ms"):
        return f"{value:,}"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"
