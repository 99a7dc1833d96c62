"""A real etcd on this machine, from a lab's image or from the system."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from firedrill.fence.gateway import Gateway, Unavailable
from tests.labs import WITH_US

CACHE = Path(os.environ.get("FIREDRILL_CACHE", "/var/cache/firedrill"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def program():
    return shutil.which("etcd") or next((str(one) for one in sorted(CACHE.glob("cluster-*/usr/bin/etcd"))), None)


@pytest.fixture(scope="module")
def client():
    """Make a client of etcd that is closed at the end: `client(url, user, password)`."""
    made = []

    def of(urls, *login):
        made.append(Gateway(urls if isinstance(urls, list) else [urls], None, login or None, timeout_s=5))
        return made[-1]

    yield of
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def etcd_url(tmp_path_factory):
    """Without users; a module that enables them has it for itself."""
    found = program()
    if found is None:
        pytest.skip("no etcd on this machine: neither a package nor an image of a lab")
    url, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    folder = tmp_path_factory.mktemp("etcd")
    command = [
        found, "--name", "one", "--data-dir", str(folder), "--listen-client-urls", url, "--advertise-client-urls", url,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}",
    ]  # fmt: skip
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([*WITH_US, *command], stdout=log, stderr=log)
    try:
        gateway = Gateway([url], None, None, timeout_s=5)
        for _ in range(200):
            try:
                gateway.call("kv/range", {"key": "YQ=="})
                break
            except Unavailable:
                time.sleep(0.1)
        gateway.close()
        yield url
    finally:
        process.kill()
        process.wait()
