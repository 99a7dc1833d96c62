"""The users trust the CA of the inventory alone."""

import time

import certifi
from geventhttpclient.connectionpool import init_ssl_context

from firedrill.inventories.endpoint import Endpoint, Tls
from firedrill.loadtests import trust
from tests import tls


def test_the_http_client_adds_no_public_ca(tmp_path):
    app = Endpoint("https://127.0.0.1", Tls("made.py", tls.Files(tmp_path).cert("ca")))
    began = time.process_time()
    for _ in range(200):
        context = init_ssl_context(trust.contexts(app), certifi.where(), check_hostname=True)
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname and context.verify_mode.name == "CERT_REQUIRED"
    assert time.process_time() - began < 1, "of each connection: the bundle of public CAs takes 20 ms"
