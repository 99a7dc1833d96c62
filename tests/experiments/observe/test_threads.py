"""A thread per host: called again and again, and gone when the observer is cancelled."""

import asyncio
import threading

import pytest

from firedrill.experiments.observe import threads


def test_each_is_watched_again_until_cancelled_and_no_thread_is_left():
    seen, before = [], set(threading.enumerate())

    async def observe():
        task = asyncio.create_task(threads.each(("db1", "db2"), seen.append, 0.01))
        while not min(seen.count("db1"), seen.count("db2")) > 1:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(observe())
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
