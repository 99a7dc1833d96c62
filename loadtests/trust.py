"""How the users' HTTP client verifies the app."""

import ssl
from collections.abc import Callable

from firedrill.inventories.endpoint import HTTP, Endpoint


def contexts(app: Endpoint) -> Callable[..., ssl.SSLContext]:
    """What geventhttpclient calls for each connection pool, with the file of the public CAs.

    Where that is not taken, it adds those CAs to each context: slow, and trust that nobody asked for.
    """

    def context(cafile: str | None = None) -> ssl.SSLContext:
        return app.context(HTTP)

    return context
