"""The etcd v3 client, and the only module that imports it.

python-etcd3 0.12 (2020) ships generated code that current protobuf accepts only in its pure Python implementation,
which must be selected before the first import.
"""

import os
import queue
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the generated code calls what protobuf deprecates
    import etcd3
    from etcd3 import etcdrpc
import grpc  # noqa: E402
from etcd3.exceptions import Etcd3Exception  # noqa: E402

from firedrill.cluster import tls_errors  # noqa: E402
from firedrill.inventories.endpoint import Endpoint  # noqa: E402

# What a client may see while members fail; any other exception is a defect of ours.
ERRORS = (Etcd3Exception, grpc.RpcError, grpc.FutureCancelledError)
DEADLINE_S = 2
Client: TypeAlias = etcd3.Etcd3Client
Member: TypeAlias = etcd3.Member


def cause(error: Exception, endpoint: Endpoint) -> str:
    """Why a call to a member failed: what does not fit about TLS, or etcd's or gRPC's words."""
    call = _call(error)
    details = _details(error)
    if found := tls_errors.explained(details, endpoint):
        return found
    own = details if call is error else str(error)
    return f"{type(error).__name__}: {own}" if own else type(error).__name__


def kept_out(error: Exception) -> bool:
    """Whether the client could not verify the member, or was not let in: it has observed nothing of it."""
    return tls_errors.keeps_out(_details(error))


def _call(error: Exception) -> BaseException | None:
    """The call that failed: the client replaces gRPC's errors."""
    return error if isinstance(error, grpc.Call) else error.__context__


def _details(error: Exception) -> str:
    call = _call(error)
    return (call.details() if isinstance(call, grpc.Call) else str(error)) or ""


@contextmanager
def client(endpoint: Endpoint, seconds: float = DEADLINE_S) -> Iterator[Client]:
    """A client of one member, whose calls take at most `seconds`. Raises InventoryProblem for unusable files."""
    opened = etcd3.client(host=endpoint.address, port=endpoint.port, timeout=seconds, **_options(endpoint))
    # The token is sent with every call as metadata; gRPC refuses it as call credentials on a channel without TLS.
    opened.call_credentials = None
    try:
        yield opened
    finally:
        opened.close()


def _options(endpoint: Endpoint) -> dict[str, str]:
    """The client's names for the files and the credentials."""
    found: dict[str, str | None] = {}
    if tls := endpoint.tls:
        tls.context()  # it reads the same files: what is wrong with one is reported by name
        found |= {"ca_cert": tls.ca_file, "cert_cert": tls.cert, "cert_key": tls.key}
    if endpoint.auth:
        found |= {"user": endpoint.auth[0], "password": endpoint.auth[1]}
    return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Change:
    """One key after an etcd event; `value` is None if it was deleted."""

    key: str
    value: str | None
    revision: int


class Watch:
    """The changes below a prefix from one member, from a revision on. Iterating raises ERRORS when the stream breaks.

    The client's own watcher is not used: it passes a broken stream to a callback, and continues as if it were intact.
    """

    def __init__(self, opened: Client, prefix: str, revision: int) -> None:
        first = prefix.encode()
        create = etcdrpc.WatchCreateRequest(
            key=first, range_end=first[:-1] + bytes([first[-1] + 1]), start_revision=revision
        )
        self._requests: queue.SimpleQueue[etcdrpc.WatchRequest | None] = queue.SimpleQueue()
        self._requests.put(etcdrpc.WatchRequest(create_request=create))
        self._call = etcdrpc.WatchStub(opened.channel).Watch(iter(self._requests.get, None), metadata=opened.metadata)

    def __iter__(self) -> Iterator[Change]:
        for response in self._call:
            for event in response.events:
                value = None if event.type == event.DELETE else event.kv.value.decode(errors="replace")
                yield Change(event.kv.key.decode(errors="replace"), value, event.kv.mod_revision)

    @property
    def active(self) -> bool:
        """Whether the stream is still open."""
        return bool(self._call.is_active())

    def cancel(self) -> None:
        """End the stream, from any thread; iterating then raises."""
        self._requests.put(None)
        self._call.cancel()
