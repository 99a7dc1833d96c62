"""What the tests of locust files share: an HTTP server in a thread."""

import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

import pytest


@pytest.fixture
def serving():
    """Serve by a handler class: `with serving(Handler) as address: ...`."""

    @contextmanager
    def serve(handler):
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()

    return serve
