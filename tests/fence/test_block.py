"""The refusal of an old leader by nftables: on a network of its own, where 127.0.0.2 is the old leader."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from firedrill.fence.block import Failed, Refusal, nft

PROGRAM = """
import json, socket, sys, time
from firedrill.fence.block import Refusal

def connects(address, port):
    try:
        socket.create_connection((address, port), timeout=2).close()
    except ConnectionRefusedError:
        return False
    return True

servers = [socket.create_server((address, port)) for address in ("127.0.0.2", "127.0.0.3") for port in (5432, 8008, 22)]
def seen():
    return [connects("127.0.0.2", port) for port in (5432, 8008, 22)] + [connects("127.0.0.3", 5432)]

refusal, found = Refusal(5432, 8008), {}
found["before"] = seen()
refusal.refuse("127.0.0.2", 60)
held = seen()
refusal.refuse("127.0.0.2", 1)
found["refused"] = [held, seen()]
time.sleep(1.5)
found["expired"] = seen()
refusal.refuse("127.0.0.3", 60)
found["another"] = seen()
refusal.nobody()
found["nobody"] = seen()
print(json.dumps(found))
"""


@pytest.fixture
def own_network():
    """How to run a command in a network of its own."""
    program = shutil.which("unshare")
    trial = [
        program or "unshare",
        "-n",
        "nft",
        "add table ip x; add chain ip x y { type filter hook input priority 0; }",
    ]
    if os.geteuid() or not program or subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip("no network of its own with nftables: not root, or the kernel has none")
    return ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']


def test_postgresql_and_patroni_of_one_address_are_refused_until_it_expires(own_network):
    done = subprocess.run([*own_network, sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    free, refused = [True] * 4, [False, False, True, True]
    assert json.loads(done.stdout) == {
        "before": free,
        "refused": [refused, refused],
        "expired": free,
        "another": [True, True, True, False],
        "nobody": free,
    }


class Nft:
    """What is asked of nft; `lost` once: somebody flushed the rules."""

    def __init__(self, lost=False, broken=False):
        self.scripts, self.lost, self.broken = [], lost, broken

    def __call__(self, script):
        self.scripts.append(script)
        if self.broken or (self.lost and "add table" not in script):
            raise Failed("nft: no such table")
        self.lost = False


def test_rules_that_somebody_flushed_are_loaded_again():
    run = Nft(lost=True)
    refusal = Refusal(5432, 8008, run)
    refusal.refuse("192.0.2.21", 10)
    assert "add table" in run.scripts[1] and "192.0.2.21 timeout 10s" in run.scripts[1]
    assert refusal.address == "192.0.2.21"


def test_what_is_not_refused_is_not_said_to_be():
    refusal = Refusal(5432, 8008, Nft(broken=True))
    with pytest.raises(Failed):
        refusal.refuse("192.0.2.21", 10)
    assert refusal.address is None


@pytest.mark.parametrize("address", ["192.0.2.21; flush ruleset", "db1", "2001:db8::1", ""])
def test_nothing_but_an_address_becomes_part_of_a_rule(address):
    run = Nft()
    with pytest.raises(ValueError):
        Refusal(5432, 8008, run).refuse(address, 10)
    assert run.scripts == []


def test_a_missing_program_is_an_error(monkeypatch):
    monkeypatch.setattr("firedrill.fence.block.NFT", "/no/such/nft")
    with pytest.raises(Failed, match="/no/such/nft"):
        nft("list ruleset")
