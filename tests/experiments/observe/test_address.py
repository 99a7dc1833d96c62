"""The observer `address`: what the kernel lists, and samples that arrive late."""

import json
import subprocess
import sys

import pytest

from firedrill.experiments.observe import address
from firedrill.inventories.read import Host

MS = 1_000_000


def test_a_late_sample_is_less_certain_and_never_wrong(monkeypatch):
    recorded, clock = [], iter([1000 * MS, 1900 * MS, 1901 * MS])
    monkeypatch.setattr(address.clock, "now", lambda: next(clock))
    samples = address.Samples(Host("lb1", "192.0.2.31", ("proxy",), {}), lambda **fields: recorded.append(fields))
    for at in (0, 200 * MS, 400 * MS):
        samples.sample(at, True)
    assert [(one["start"] // MS, one["t"] // MS) for one in recorded] == [(1000, 1000), (1200, 1900), (1400, 1901)]


@pytest.mark.parametrize(("held", "wanted"), [("127.0.0.1", True), ("192.0.2.77", False), ("2001:db8::77", False)])
def test_the_kernel_lists_what_it_holds(held, wanted):
    with subprocess.Popen([sys.executable, "-c", address.PROGRAM, held], stdout=subprocess.PIPE) as program:
        assert json.loads(program.stdout.readline())[1] is wanted
        program.kill()
