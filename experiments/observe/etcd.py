"""Patroni's keys as they change, by a watch on one etcd member and, when it fails, on the next."""

import asyncio
import itertools
import threading

from firedrill.cluster import etcd
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access

ALIVE_S = 1.0
ANSWER_S = 1.0
PAUSE_S = 0.1


async def observe(access: Access, write: Writer) -> None:
    """Watch until cancelled. The client is a blocking one, so it has a thread."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(_watch, access, write, stop)
    finally:
        stop.set()


def _watch(access: Access, write: Writer, stop: threading.Event) -> None:
    """Member after member; each goes on from the last revision that was seen, so that no change is missed."""
    seen = 0
    for endpoint in itertools.cycle(access.etcd):
        if stop.is_set():
            return
        try:
            with etcd.client(endpoint, access, ANSWER_S) as client:
                seen = seen or _snapshot(client, access, write)
                watch = etcd.Watch(client, access.patroni_prefix, seen + 1)
                pulse = threading.Thread(target=_pulse, args=(client, endpoint, watch, write, stop))
                pulse.start()
                try:
                    for change in watch:
                        _write_key(write, access, change, "delete" if change.value is None else "put")
                        seen = max(seen, change.revision)
                finally:
                    watch.cancel()
                    pulse.join()
        except etcd.ERRORS as error:
            if not stop.is_set():
                # Asked in vain: that nobody is there is not that nobody looked.
                write("unreachable", endpoint=f"{endpoint[0]}:{endpoint[1]}", error=type(error).__name__)
            stop.wait(PAUSE_S)


def _pulse(client, endpoint: tuple[str, int], watch: etcd.Watch, write: Writer, stop: threading.Event) -> None:
    """Say that the watch stands for as long as its member answers; end it when that is over, or we are."""
    try:
        while watch.active and not stop.wait(ALIVE_S):
            client.status()
            write("alive", endpoint=f"{endpoint[0]}:{endpoint[1]}")
    except etcd.ERRORS:
        return
    finally:
        watch.cancel()


def _snapshot(client, access: Access, write: Writer) -> int:
    revision = 0
    for value, meta in client.get_prefix(access.patroni_prefix):
        change = etcd.Change(meta.key.decode(), value.decode(errors="replace"), meta.mod_revision)
        _write_key(write, access, change, "snapshot")
        revision = meta.response_header.revision
    return revision


def _write_key(write: Writer, access: Access, change: etcd.Change, action: str) -> None:
    key = change.key.removeprefix(access.patroni_prefix)
    value = access.named(change.value) if key == "leader" and change.value else change.value
    write("key", key=key, action=action, value=value, revision=change.revision)
