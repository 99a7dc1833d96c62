"""What the tests of locust files share: an HTTP server in a thread."""

import ssl
import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

import pytest


@pytest.fixture
def serving():
    """Serve by a handler class: `with serving(Handler) as address: ...`; over HTTPS with a certificate and its key."""

    @contextmanager
    def serve(handler, *pair):
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            if pair:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(*pair)
                # The handshake is the handler's, so that one that fails ends no server.
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http{'s' if pair else ''}://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()

    return serve
