"""Whether a host is down is not told by one late answer, and when it went down not by how long one asked."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from firedrill.cluster import ssh
from firedrill.faults.power import out_of_band
from firedrill.faults.protocol import NotEffective, Target
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets

LATE = ssh.SURE_SECONDS / 2


@pytest.fixture
def sshd(tmp_path):
    """A host whose SSH port says its banner so many seconds after a connection: `sshd(0.1)`; None is never."""
    listener = socket.create_server(("127.0.0.1", 0))
    links = []

    def serve(late: Callable[[int], float | None]) -> None:
        while True:
            try:
                links.append(listener.accept()[0])
            except OSError:
                return
            if (seconds := late(len(links))) is not None:
                threading.Timer(seconds, say, [links[-1]]).start()

    def say(link: socket.socket) -> None:
        try:
            link.send(b"SSH-2.0-late\r\n")
        except OSError:
            return

    def host(late: Callable[[int], float | None]) -> Host:
        threading.Thread(target=serve, args=[late], daemon=True).start()
        return Host("db1", "127.0.0.1", ("postgres",), {"ssh_user": "root", "ssh_port": listener.getsockname()[1]})

    yield host
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    time.sleep(LATE)
    for link in links:
        link.close()


def test_a_host_that_is_late_is_not_down(sshd):
    host = sshd(lambda count: LATE)
    assert not ssh.answers(host)
    with pytest.raises(TimeoutError, match="db1 still answers SSH after 1 s"):
        ssh.wait(host, up=False, seconds=1)


def test_a_host_that_is_late_once_did_not_go_down(sshd, tmp_path):
    """Nor is a login that fails a boot."""
    host = sshd(lambda count: LATE if count == 1 else 0)
    ways = Access(Inventory(tmp_path / "x.py", (host,)), Secrets())
    with pytest.raises(NotEffective, match="db1 still runs after 1 s"):
        out_of_band.prove_rebooted(Target("0badcafe", "db1", host, ways, 60, before={"boot": "x"}), 1)


def test_a_silent_host_is_down_since_its_first_miss(sshd):
    began = time.monotonic()
    took = ssh.wait(sshd(lambda count: None), up=False, seconds=5)
    assert 0.5 <= took < 0.5 + ssh.SURE_SECONDS <= time.monotonic() - began
