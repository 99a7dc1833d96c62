"""A state folder that is full or read-only: one line with cause and remedy, and reading needs no write."""

import contextlib
import errno
import os
from pathlib import Path

import click
import pytest

from firedrill.faults import ledger
from firedrill.faults.ledger import Entry
from firedrill.inventories import access, drill_lock, secrets
from firedrill.inventories.command import console_script
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, Inventory, read
from tests.labs import ROOT

ENTRY = Entry("0badcafe", "pause", {}, "leader", "db1", "/x.py", 1.0, 61.0, {})
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
READ_ONLY = OSError(errno.EROFS, os.strerror(errno.EROFS), "/state/x")


def raising(error):
    def raise_it(*_, **__):
        raise error

    return raise_it


def test_known_passwords_are_read_without_a_write(tmp_path, monkeypatch):
    file = tmp_path / "state" / "secrets.json"
    data = {"secrets_file": str(file), "cluster": "c", "secrets": {}}
    first = secrets.load(data)
    monkeypatch.setattr(secrets.fcntl, "flock", raising(READ_ONLY))
    assert secrets.load(data) == first


@pytest.mark.parametrize("error", [FULL, READ_ONLY], ids=["full", "read-only"])
def test_where_none_can_be_written_there_are_none(monkeypatch, error):
    monkeypatch.setattr(secrets, "load", raising(error))
    monkeypatch.setattr(secrets, "known", lambda *_: secrets.Secrets())
    assert access.access(read(ROOT / "inventories/lab.py")).passwords == {}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FULL, "faults: a file cannot be written (No space left on device): free space there, or choose another"),
        (READ_ONLY, "faults: /state/x cannot be written (Read-only file system): make it writable, or choose another"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "faults: /x: No such file or directory"),
    ],
    ids=["full", "read-only", "other"],
)
def test_a_command_says_it_in_one_line(capsys, monkeypatch, error, line):
    monkeypatch.setattr("sys.argv", ["faults"])
    with pytest.raises(SystemExit) as ended:
        console_script(click.Command("faults", callback=raising(error)), "faults")()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert shown.startswith(line) and shown.count("\n") == 1


def test_an_injection_that_cannot_be_recorded_is_refused_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "folder", lambda inventory: tmp_path)
    monkeypatch.setattr(ledger.os, "replace", raising(FULL))
    with pytest.raises(Problem, match=r"0badcafe.json cannot be written \(No space left on device\): free space"):
        ledger.write(None, ENTRY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["open", "write"])
def test_a_drill_that_cannot_take_its_lock_names_the_file(tmp_path, monkeypatch, call):
    monkeypatch.setattr(drill_lock, "files", lambda inventory: [tmp_path / "lock"])
    with monkeypatch.context() as patch:
        patch.setattr(drill_lock.os, call, raising(FULL))
        with pytest.raises(Problem, match="/lock cannot be written .No space left"), drill_lock.only_one(None):
            pass
    with drill_lock.only_one(None):
        assert drill_lock.holder(None).pid == os.getpid()
        with (
            pytest.raises(Problem, match=f"a drill is running .*process {os.getpid()} of"),
            drill_lock.only_one(None),
        ):
            pass
    assert drill_lock.holder(None) is None


def inventory_of(name: str, cluster: str, *addresses: str, folder) -> Inventory:
    data = {"secrets_file": str(folder / "secrets.json"), "cluster": cluster}
    return Inventory(Path(f"/{name}.py"), tuple(Host(f"h{one}", one, ("etcd",), data) for one in addresses))


@pytest.mark.parametrize(
    ("cluster", "addresses", "same"),
    [("c", ["192.0.2.3", "192.0.2.9"], True), ("c", ["192.0.2.4"], False), ("d", ["192.0.2.3"], False)],
)
def test_two_inventories_of_one_cluster_exclude_each_other(tmp_path, cluster, addresses, same):
    one = inventory_of("one", "c", "192.0.2.1", "192.0.2.3", folder=tmp_path)
    other = inventory_of("other", cluster, *addresses, folder=tmp_path)
    with drill_lock.only_one(one, "deploy"):
        assert (drill_lock.holder(other) is not None) == same
        with contextlib.ExitStack() as stack:
            if same:
                stack.enter_context(pytest.raises(Problem, match="a deploy is running on this cluster"))
            stack.enter_context(drill_lock.only_one(other))
    with drill_lock.only_one(other):
        assert (drill_lock.holder(one) is not None) == same
