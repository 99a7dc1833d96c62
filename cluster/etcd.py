"""The etcd v3 client, and the only module that imports it.

python-etcd3 0.12 (2020) has generated code that today's protobuf takes only in its pure Python implementation, which
must be chosen before the first import.
"""

import os
import queue
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its generated code calls what protobuf deprecates
    import etcd3
    from etcd3 import etcdrpc
import grpc  # noqa: E402
from etcd3.exceptions import Etcd3Exception  # noqa: E402

from firedrill.inventories.access import Access  # noqa: E402

# What a client may meet while members die; anything else is a defect of ours.
ERRORS = (Etcd3Exception, grpc.RpcError, grpc.FutureCancelledError)
SECONDS = 2


@contextmanager
def client(endpoint: tuple[str, int], access: Access, seconds: float = SECONDS) -> Iterator[etcd3.Etcd3Client]:
    """A client of one member, whose calls take at most `seconds`."""
    address, port = endpoint
    it = etcd3.client(host=address, port=port, timeout=seconds, **access.etcd_options)
    # The token goes with every call as metadata; as call credentials gRPC refuses it on a channel without TLS.
    it.call_credentials = None
    try:
        yield it
    finally:
        it.close()


@dataclass(frozen=True)
class Change:
    """One key as an event of etcd's left it; `value` is None where it was deleted."""

    key: str
    value: str | None
    revision: int


class Watch:
    """The changes below a prefix from one member, from a revision on. Iterating raises ERRORS when the stream breaks.

    The client's own watcher is not used: it hands a broken stream to a callback, and goes on as if it stood.
    """

    def __init__(self, it: etcd3.Etcd3Client, prefix: str, revision: int) -> None:
        last = prefix.encode()
        create = etcdrpc.WatchCreateRequest(
            key=last, range_end=last[:-1] + bytes([last[-1] + 1]), start_revision=revision
        )
        self._requests: queue.SimpleQueue = queue.SimpleQueue()
        self._requests.put(etcdrpc.WatchRequest(create_request=create))
        self._call = etcdrpc.WatchStub(it.channel).Watch(iter(self._requests.get, None), metadata=it.metadata)

    def __iter__(self) -> Iterator[Change]:
        for answer in self._call:
            for event in answer.events:
                value = None if event.type == event.DELETE else event.kv.value.decode(errors="replace")
                yield Change(event.kv.key.decode(), value, event.kv.mod_revision)

    @property
    def stands(self) -> bool:
        """Whether the stream is still open."""
        return self._call.is_active()

    def cancel(self) -> None:
        """End the stream, from any thread; iterating then raises."""
        self._requests.put(None)
        self._call.cancel()


def leader(access: Access) -> str | None:
    """The inventory name of the member that leads, by the first member that answers; None where none does."""
    for endpoint in access.etcd:
        try:
            with client(endpoint, access) as it:
                status = it.status()
                return _named(status.leader, access) if status.leader else None
        except ERRORS:
            continue
    return None


def _named(member: etcd3.Member, access: Access) -> str:
    """The inventory's name of a member: that of the host whose address it is reached at."""
    hosts = {host.address: host.name for host in access.inventory.role("etcd")}
    urls = [urlsplit(url).hostname for url in (*member.client_urls, *member.peer_urls)]
    return next((hosts[address] for address in urls if address in hosts), member.name)


def decides(access: Access, seconds: float = 1) -> bool:
    """Whether any member answers a linearizable read, which takes a quorum."""
    for endpoint in access.etcd:
        try:
            with client(endpoint, access, seconds) as it:
                it.get(f"{access.patroni_prefix}leader")
                return True
        except ERRORS:
            continue
    return False
