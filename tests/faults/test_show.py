"""What `faults list` and `faults doctor` print, at 80 columns."""

import pytest

from firedrill.faults import show
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.doctor import Answer

HOSTS = ("etcd1", "etcd2", "etcd3", "db1", "db2", "app2", "app10", "web")


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_the_list_names_options_as_they_are_typed(narrow, capsys):
    show.catalogue([show.describe(name, kind) for name, kind in FAULTS.items()])
    shown = capsys.readouterr().out
    assert "--every-s 2" in shown and "--every_s" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert all(f" {name} " in shown for name in FAULTS)


def test_the_doctor_has_one_row_a_fault_with_the_hosts_grouped(narrow, capsys):
    found = {
        host: {
            "power_cut": Answer(None),
            "drop": Answer(None, "--ports"),
            "kill": Answer(None, "" if host.startswith("db") else "--process"),
            "pause": Answer("has no `pause` command") if host.startswith("etcd") else Answer(None),
        }
        for host in HOSTS
    }
    show.doctor(found, {host: "iptables" if host != "web" else None for host in HOSTS})
    lines = [" ".join(line.replace("│", " ").split()) for line in capsys.readouterr().out.splitlines()]
    text = " ".join(lines)
    assert "power_cut all none" in text
    assert "drop all with --ports none" in text
    assert "kill db1-2 none etcd1-3, app2, app10, web with --process" in text
    assert "pause db1-2, app2, app10, web etcd1-3: has no `pause` command" in text
    assert lines[-1] == "firewall faults by iptables: etcd1-3, db1-2, app2, app10"
