"""Proofs that look again before they say that nothing is there: one window may be smaller than the noise in it."""

import pytest

from firedrill.faults.clock import clock_drift
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.resource import disk_io, fd_exhaust
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture(scope="module")
def target() -> Target:
    ways = Access(read(), Secrets())
    return Target("0badcafe", "db1", ways.inventory["db1"], ways, 60, connection=object())


@pytest.fixture
def clock(monkeypatch):
    """Time that passes by sleeping alone, for both proofs: `clock.now`."""

    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    it = Clock()
    monkeypatch.setattr(disk_io, "time", it)
    monkeypatch.setattr(clock_drift, "time", it)
    return it


@pytest.mark.parametrize(("silent_s", "said"), [(0, "64 MiB/s"), (3, "16 MiB/s"), (15, "4 MiB/s")])
def test_a_disk_that_syncs_while_it_is_looked_at_is_busy(monkeypatch, target, clock, silent_s, said):
    def written(connection, text, check=True):
        return f"write_bytes: {0 if clock.now <= silent_s else 64 << 20}"

    monkeypatch.setattr(disk_io.ssh, "script", written)
    assert f": {said} written and synced" in disk_io.DiskIo().prove(target)


@pytest.mark.parametrize("shown", ["", "write_bytes: 7\nwrite_bytes: 8"])
def test_a_disk_that_nobody_writes_to_is_not_busy(monkeypatch, target, clock, shown):
    monkeypatch.setattr(disk_io.ssh, "script", lambda *words, **more: shown)
    with pytest.raises(NotEffective, match="0.0 MiB written at /var/lib/postgresql in 21 s"):
        disk_io.DiskIo().prove(target)


@pytest.mark.parametrize("noise_s", [0, 0.06, -0.06])
def test_a_drift_shows_over_the_noise_of_the_first_question(monkeypatch, target, clock, noise_s):
    def offset(connection) -> float:
        return 0.02 * clock.now + (noise_s if clock.now == 0 else 0)

    monkeypatch.setattr(clock_drift.state, "clock_offset", offset)
    assert "drift asked +20000 ppm, seen +" in clock_drift.ClockDrift(ppm=20_000).prove(target)


@pytest.mark.parametrize("ppm", [20_000, 1000, -1000])
def test_a_clock_that_does_not_drift_is_told(monkeypatch, target, clock, ppm):
    monkeypatch.setattr(clock_drift.state, "clock_offset", lambda connection: 7.0)
    with pytest.raises(NotEffective, match=rf"asked [+-]{abs(ppm)} ppm, seen \+0 ppm"):
        clock_drift.ClockDrift(ppm=ppm).prove(target)
    assert clock.now < 40


@pytest.mark.parametrize("shown", ["", "7"])
def test_a_process_that_dies_while_it_is_asked_has_no_figures(monkeypatch, target, shown):
    monkeypatch.setattr(fd_exhaust.ssh, "script", lambda *words, **more: shown)
    fault = fd_exhaust.FdExhaust()
    with pytest.raises(NotEffective, match="db1: postgres ended, and its limit with it"):
        fault.prove(target)
    assert "its limit is gone with it" in fault.prove_clean(target)
    assert fault.status(target) == "no postgres"
    monkeypatch.setattr(fd_exhaust.capability, "need", lambda *words: None)
    monkeypatch.setattr(fd_exhaust.processes, "refuse_absent", lambda *words: None)
    monkeypatch.setattr(fd_exhaust.processes, "refuse_vital", lambda *words: None)
    with pytest.raises(Refused, match="db1: the open-files limit of postgres cannot be read"):
        fault.refuse_host(target)
