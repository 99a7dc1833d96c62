"""Run one function on several hosts in parallel. If any call raises, the first error is raised after all have ended."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

MAX_THREADS = 16
In = TypeVar("In")
Out = TypeVar("Out")


def each(function: Callable[[In], Out], items: Iterable[In]) -> list[Out]:
    """The results, in the order of the items. A single item is processed without a thread."""
    items = list(items)
    if len(items) < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(min(MAX_THREADS, len(items))) as pool:
        futures = [pool.submit(function, item) for item in items]
    return [future.result() for future in futures]
