"""A thread per host, for observers whose client blocks."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def each(items: Iterable[T], watch: Callable[[T], None], pause_s: float) -> None:
    """Call `watch` again and again for each item, `pause_s` seconds after it returned, until cancelled."""
    over = threading.Event()

    def rounds(item: T) -> None:
        while not over.is_set():
            watch(item)
            over.wait(pause_s)

    for item in items:
        threading.Thread(target=rounds, args=(item,), daemon=True).start()
    try:
        await asyncio.Event().wait()
    finally:
        over.set()
