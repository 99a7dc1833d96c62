"""What `faults list`, `faults doctor` and `faults status` print."""

import pytest

from firedrill.cluster.fence import Agent
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


def test_the_doctor_shows_dead_agents_of_the_fence_and_blocks_that_were_left(narrow, capsys):
    show.fence({"etcd1": Agent("its last status is 9 s old"), "db2": Agent(None, refusing="db1"), "db3": Agent(None)})
    shown = " ".join(capsys.readouterr().out.split())
    assert "the fence's agent on etcd1 does not work: its last status is 9 s old" in shown
    assert "db2 still refuses db1" in shown and "db3" not in shown


def test_the_doctor_says_that_the_fence_works_and_nothing_where_there_is_none(narrow, capsys):
    show.fence({"etcd1": Agent(None), "db1": Agent(None)})
    assert capsys.readouterr().out == "the fence: all 2 agents work, and no host is refused\n"
    show.fence({})
    assert capsys.readouterr().out == ""
