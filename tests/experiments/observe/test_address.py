"""The observer `address`: what the kernel lists, and samples that arrive late."""

import asyncio
import contextlib
import json
import subprocess
import sys

import pytest

from firedrill.cluster import ssh
from firedrill.experiments.observe import address, tcp
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets

MS = 1_000_000


def test_a_late_sample_is_less_certain_and_never_wrong(monkeypatch):
    recorded, clock = [], iter([1000 * MS, 1900 * MS, 1901 * MS])
    monkeypatch.setattr(address.clock, "now", lambda: next(clock))
    samples = address.Samples(Host("lb1", "192.0.2.31", ("proxy",), {}), lambda **fields: recorded.append(fields))
    for at in (0, 200 * MS, 400 * MS):
        samples.sample(at, True)
    assert [(one["start"] // MS, one["t"] // MS) for one in recorded] == [(1000, 1000), (1200, 1900), (1400, 1901)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ssh.NoLogin("lb1 shows another SSH host key", ""), "unobserved"),
        (ssh.JumpDown("no SSH login at the jump host", ""), "unobserved"),
        (ssh.Unreachable("lb1 does not answer SSH", ""), None),
    ],
    ids=["key", "jump host", "off"],
)
@pytest.mark.parametrize(("observer", "sample"), [(address, "holder"), (tcp, "counters")])
def test_of_a_host_that_keeps_the_observer_out_nothing_is_observed(
    monkeypatch, tmp_path, observer, sample, error, kind
):
    events = []

    def refused(*_):
        raise error

    async def observe():
        task = asyncio.create_task(observer.OBSERVER.observe(there, write))
        while not events:
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def write(kind, **fields):
        events.append({"kind": kind} | fields)

    monkeypatch.setattr(observer, "PAUSE_S", 60)
    monkeypatch.setattr(observer.ssh, "answers", lambda *_: True)
    monkeypatch.setattr(observer.ssh, "connect", refused)
    host = Host("lb1", "192.0.2.31", ("proxy",), {"vip": "192.0.2.100"})
    there = Access(Inventory(tmp_path / "x.py", (host,)), Secrets())
    asyncio.run(observe())
    assert [(event["kind"], event["host"], event["error"]) for event in events] == [(kind or sample, "lb1", str(error))]


@pytest.mark.parametrize(("held", "wanted"), [("127.0.0.1", True), ("192.0.2.77", False), ("2001:db8::77", False)])
def test_the_kernel_lists_what_it_holds(held, wanted):
    with subprocess.Popen([sys.executable, "-c", address.PROGRAM, held], stdout=subprocess.PIPE) as program:
        assert json.loads(program.stdout.readline())[1] is wanted
        program.kill()
