"""The limit of a fault is a point in time, and an undo that has begun forbids the injection."""

import time

import pytest

from firedrill.faults import engine
from firedrill.faults.protocol import Refused
from tests.faults.conftest import PATIENCE, journals, until

pytestmark = pytest.mark.lab("net")
LIMIT_S = 14
# Reload systemd every second until no undo is left, at most so often; prints how often.
RELOADS = """\
n=0
while [ $n -lt {} ] && ls /var/lib/faults/*.undo >/dev/null 2>&1; do
  systemctl daemon-reload; sleep 1; n=$((n + 1))
done
echo $n
"""


def test_reloads_of_systemd_move_neither_the_limit_nor_the_guard(inject, heal, on, monkeypatch):
    """More reloads than seconds of the limit, the last of them after it: the host heals at its limit all the same."""
    monkeypatch.setattr(engine, "_try_new_login", lambda target: None)  # nobody stands the guard down
    entries = inject("drop", "etcd1", peers="etcd2", limit_s=60)
    began = time.monotonic()
    assert int(on("etcd1", RELOADS.format(30))) < 30
    assert time.monotonic() - began < 25, "the guard heals after 8 s"
    heal(entries)
    entries = inject("disk_full", "etcd1", limit_s=LIMIT_S)
    reloads = int(on("etcd1", RELOADS.format(29)))
    late = time.time() - entries[0].until
    print(f"healed {late:+.1f} s from the limit, under {reloads} reloads")
    assert reloads < 29 and -2 < late < 4 * PATIENCE
    assert journals(on, "etcd1") == ""
    heal(entries)


def test_a_limit_outlives_a_reboot_and_reloads_after_it(inject, heal, on, net, command):
    entries = inject("disk_full", "etcd3", limit_s=25)
    assert command("lab", "-i", net, "cut", "etcd3").returncode == 0
    assert command("lab", "-i", net, "start", "etcd3").returncode == 0
    until(lambda: "faults-" in on("etcd3", "systemctl list-timers --no-legend") or time.time() > entries[0].until, 10)
    assert int(on("etcd3", RELOADS.format(28))) < 28
    assert -2 < time.time() - entries[0].until < 4 * PATIENCE
    heal(entries)


def test_an_injection_that_takes_longer_than_its_limit_undoes_itself(inject, on, told):
    """The host's undo runs in the middle of it: it must not be left injected for ever."""
    with pytest.raises(Refused, match="it takes longer than its limit"):
        inject(
            "command",
            "etcd1",
            do="sleep 5; touch /root/late",
            proof="test -e /root/late",
            undo="rm -f /root/late",
            limit_s=2,
        )
    assert on("etcd1", "ls /root/late 2>/dev/null") == ""
    assert journals(on, "etcd1") == ""
