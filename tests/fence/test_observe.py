"""Whether a kernel answers, and what samples in a row tell."""

import socket

import pytest

from firedrill.fence import decision
from firedrill.fence.decision import ALIVE, MISSING, SILENT, UNKNOWN
from firedrill.fence.observe import Heard, Prober, Target, probe
from firedrill.fence.patroni import Leader
from tests.fence.conftest import free_port

DB1 = Leader("db1", 7)


@pytest.fixture
def silent_port():
    """The port of a process that accepts nothing: its queue is full, and the kernel drops what comes."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port, waiting = server.getsockname()[1], []
        while probe("127.0.0.1", [port], 0.2) == ALIVE:
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


def test_a_connection_that_is_made_is_a_sign_of_life():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert probe("127.0.0.1", [server.getsockname()[1]], 0.5) == ALIVE


def test_a_connection_that_is_refused_is_one_too():
    assert probe("127.0.0.1", [free_port()], 0.5) == ALIVE


def test_silence_is_no_sign_of_life(silent_port):
    assert probe("127.0.0.1", [silent_port], 0.2) == MISSING


def test_where_every_process_hangs_the_kernel_still_refuses_a_closed_port(silent_port):
    assert probe("127.0.0.1", [silent_port, free_port()], 0.2) == ALIVE


def samples(*found, limit=5, heard=True):
    state = Heard(DB1, ever=heard)
    for number, one in enumerate(found):
        state = state.after(one, float(number), limit)
    return state


RUNS = [
    ((ALIVE,), ALIVE, 0),
    ((MISSING,), MISSING, 1),
    ((MISSING,) * 4, MISSING, 4),
    ((MISSING,) * 5, SILENT, 5),
    ((MISSING,) * 9, SILENT, 9),
    ((MISSING,) * 4 + (ALIVE,), ALIVE, 0),
    ((MISSING,) * 4 + (ALIVE, MISSING), MISSING, 1),
    ((MISSING,) * 5 + (UNKNOWN,), UNKNOWN, 5),
    ((MISSING,) * 3 + (UNKNOWN, MISSING), MISSING, 4),
    ((), UNKNOWN, 0),
]


@pytest.mark.parametrize(("found", "state", "misses"), RUNS)
def test_samples_in_a_row(found, state, misses):
    heard = samples(*found)
    assert (heard.state, heard.misses) == (state, misses)


def test_a_host_that_was_never_heard_is_unknown():
    """Its ports may be closed to this host."""
    heard = samples(*(MISSING,) * 9, heard=False)
    assert heard.state == UNKNOWN and heard.misses == 0
    assert samples(ALIVE, *(MISSING,) * 5, heard=False).state == SILENT


def test_the_first_miss_of_a_row_dates_the_silence():
    heard = samples(MISSING, ALIVE, *(MISSING,) * 5)
    assert heard.first_miss == 2.0
    assert heard.own(10.0) == decision.Own(SILENT, 5, 8.0)


def test_another_leadership_begins_anew():
    prober = Prober(0.2, 5, lambda *_: None)
    prober.aim(Target(DB1, "127.0.0.1", (free_port(),)))
    prober._once()
    assert prober.heard.state == ALIVE and prober.samples[ALIVE] == 1
    prober.aim(Target(Leader("db1", 8), "127.0.0.1", (free_port(),)))
    assert prober.heard == Heard(Leader("db1", 8))
    prober.aim(None, own=Leader("db2", 9))
    assert prober.heard.state == decision.OWN
    prober.aim(None)
    assert prober.heard == Heard()


def test_a_sample_of_ports_that_are_no_longer_probed_does_not_count(monkeypatch):
    """A witness that begins to refuse the leader must not take its own reset for a sign of life."""
    prober = Prober(0.2, 5, lambda *_: None)
    prober.aim(Target(DB1, "127.0.0.1", (5432, 9)))

    def answers_late(*_):
        prober.aim(Target(DB1, "127.0.0.1", (9,)))
        return ALIVE

    monkeypatch.setattr("firedrill.fence.observe.probe", answers_late)
    prober._once()
    assert prober.heard == Heard(DB1)
