"""The etcd v3 client, and the only module that imports it.

python-etcd3 0.12 (2020) has generated code that today's protobuf takes only in its pure Python implementation, which
must be chosen before the first import.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", "python")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its generated code calls what protobuf deprecates
    import etcd3
import grpc  # noqa: E402
from etcd3.exceptions import Etcd3Exception  # noqa: E402

from inventories.access import Access  # noqa: E402

# What a client may meet while members die; anything else is a defect of ours.
ERRORS = (Etcd3Exception, grpc.RpcError)
SECONDS = 2


@contextmanager
def client(endpoint: tuple[str, int], seconds: float = SECONDS) -> Iterator[etcd3.Etcd3Client]:
    """A client of one member, whose calls take at most `seconds`."""
    address, port = endpoint
    it = etcd3.client(host=address, port=port, timeout=seconds)
    try:
        yield it
    finally:
        it.close()


def leader(access: Access) -> str | None:
    """The inventory name of the member that leads, by the first member that answers; None where none does."""
    for endpoint in access.etcd:
        try:
            with client(endpoint) as it:
                status = it.status()
                return status.leader.name if status.leader else None
        except ERRORS:
            continue
    return None
