"""Patroni's keys as they change, by a watch on one etcd member and, when it fails, on the next."""

import asyncio
import itertools
import threading

from experiments.events import Writer
from faults import etcd
from inventories.access import Access

ALIVE_S = 1.0
ANSWER_S = 1.0


async def observe(access: Access, write: Writer) -> None:
    """Watch until cancelled. The client is a blocking one, so it has a thread."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(_watch, access, write, stop)
    finally:
        stop.set()


def _watch(access: Access, write: Writer, stop: threading.Event) -> None:
    revision = 0
    for endpoint in itertools.cycle(access.etcd):
        if stop.is_set():
            return
        try:
            with etcd.client(endpoint, ANSWER_S) as client:
                revision = _watch_one(client, endpoint, access.patroni_prefix, revision, write, stop)
        except etcd.ERRORS:
            stop.wait(0.1)


def _watch_one(client, endpoint: tuple[str, int], prefix: str, seen: int, write: Writer, stop: threading.Event) -> int:
    """Watch on one member until it fails; return the last revision seen, from which the next one goes on."""
    if not seen:
        seen = _snapshot(client, prefix, write)
    last = [seen]

    def changed(response) -> None:
        for event in getattr(response, "events", ()):
            _write_key(write, prefix, event.key, _action(event), event.value, event.mod_revision)
            last[0] = max(last[0], event.mod_revision)

    watch = client.add_watch_prefix_callback(prefix, changed, start_revision=seen + 1)
    try:
        while not stop.is_set():
            client.status()
            write("alive", endpoint=f"{endpoint[0]}:{endpoint[1]}")
            stop.wait(ALIVE_S)
    except etcd.ERRORS:
        return last[0]
    finally:
        client.cancel_watch(watch)
    return last[0]


def _snapshot(client, prefix: str, write: Writer) -> int:
    revision = 0
    for value, meta in client.get_prefix(prefix):
        _write_key(write, prefix, meta.key, "snapshot", value, meta.mod_revision)
        revision = max(revision, meta.response_header.revision)
    return revision


def _action(event) -> str:
    return "delete" if type(event).__name__ == "DeleteEvent" else "put"


def _write_key(write: Writer, prefix: str, key: bytes, action: str, value: bytes, revision: int) -> None:
    text = None if action == "delete" else value.decode(errors="replace")
    write("key", key=key.decode().removeprefix(prefix), action=action, value=text, revision=revision)
