"""What `faults list`, `faults doctor` and `faults status` print."""

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


def test_what_a_host_wrote_controls_neither_the_table_nor_the_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    row = {"id": "0badcafe", "fault": "[/]", "host": "db1", "target": "\x1b[2Jdb1", "heals_in_s": 5.0}
    show.status([row | {"injected_from": "elsewhere", "status": "unknown: [red]x\x07"}])
    shown = capsys.readouterr().out
    assert "[/]" in shown and "\\x1b[2Jdb1" in shown and "unknown: [red]x\\x07" in shown
    assert "\x1b" not in shown and "\x07" not in shown
