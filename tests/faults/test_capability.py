"""What a host is capable of is what it proved; without root nothing is begun."""

import pytest

from firedrill.faults import capability, ledger, lookup
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets

ON_HOST = ("freeze", "kill", "stop_service", "partition", "cpu", "disk_full", "poweroff", "reboot")


@pytest.fixture
def target(tmp_path) -> Target:
    power = {"power_on": "true", "power_off": "true"}
    data = {"ssh_user": "admin", "secrets_file": str(tmp_path / "s.json"), "cluster": "c", "power": power}
    host = Host("db1", "10.0.0.1", ("postgres",), data | {"chaos_allowed": True})
    return Target("0badcafe", "db1", host, Access(Inventory(tmp_path / "x.py", (host,)), Secrets()), 60, object())


@pytest.mark.parametrize("shown", ["", "Sorry, try again.", "python3"])
def test_only_what_the_host_proved_counts(monkeypatch, target, shown):
    monkeypatch.setattr(capability.ssh, "script", lambda *words, **more: shown)
    missing = ["its SSH user is not root", *([] if shown == "python3" else ["it has no python3"])]
    assert capability.missing(target, "root", "python3") == missing


@pytest.mark.parametrize("name", ON_HOST)
def test_without_root_a_fault_is_refused_and_leaves_no_record(monkeypatch, target, name):
    monkeypatch.setattr(capability.ssh, "script", lambda *words, **more: "")
    with pytest.raises(Refused, match="db1: the SSH user admin is not root, and faults need root") as caught:
        lookup.make(name, {}).refuse(target)
    assert "ssh_user" in caught.value.remedy
    assert ledger.entries(target.access.inventory) == []
