"""Why PostgreSQL did not do what a client asked for, in one line."""

import re
from collections.abc import Mapping
from typing import Any

from firedrill.cluster import tls_errors
from firedrill.inventories.endpoint import Tls

SERVER = re.compile(r'connection to server at "([^"]+)"')


def cause(error: Exception, arguments: Mapping[str, Any]) -> str:
    """What does not fit about TLS, else the server's message without its detail and hint."""
    text = str(error).strip()
    server = SERVER.search(text)
    address = server[1] if server else str(arguments["host"])
    tls = Tls("", arguments["sslrootcert"]) if "sslrootcert" in arguments else None
    return tls_errors.of_server(text, address, tls) or (text.splitlines()[0] if text else type(error).__name__)
