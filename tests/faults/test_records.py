"""Records of injections that are damaged, foreign or hostile: named, set aside, and nothing else is disturbed."""

import base64
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firedrill.cluster import ssh
from firedrill.faults import __main__ as command_line
from firedrill.faults import active, deadman, engine, ledger, undo
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Damaged, Unhealed
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.fuzz import few

ENTRY = Entry("0badcafe", "pause", {}, "leader", "db1", "/x.py", 1.0, 61.0, {})
QUICK = few(60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
DAMAGED = (
    b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b'{"id": "0badcafe"}', b"[" * 100_000,
    json.dumps(asdict(ENTRY) | {"id": "../../victim"}).encode(),
    json.dumps(asdict(ENTRY) | {"id": "deadbeef"}).encode(),
    json.dumps(asdict(ENTRY) | {"at": "now"}).encode(),
    json.dumps(asdict(ENTRY) | {"until": float("nan")}).encode(),
    json.dumps(asdict(ENTRY) | {"deadman": -1}).encode(),
    json.dumps(asdict(ENTRY) | {"options": []}).encode(),
)  # fmt: skip


@pytest.fixture
def ways(tmp_path, monkeypatch) -> Access:
    """The lab's inventory with a ledger of its own; no host answers."""
    monkeypatch.setattr(ssh, "answers", lambda host, seconds=0: False)
    inventory = read()
    hosts = tuple(
        replace(host, data=host.data | {"secrets_file": str(tmp_path / "secrets.json")}) for host in inventory.hosts
    )
    return Access(replace(inventory, hosts=hosts), Secrets())


def put(ways: Access, text: bytes, name: str = "0badcafe.json"):
    file = ledger.folder(ways.inventory) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text)
    return file


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_named_and_the_others_are_read(ways, text):
    ledger.write(ways.inventory, replace(ENTRY, id="0000beef"))
    file = put(ways, text)
    entries, damaged = ledger.read(ways.inventory)
    assert [entry.id for entry in entries] == ["0000beef"]
    assert [problem.where for problem in damaged] == [str(file)]
    assert file.exists(), "reading writes nothing"


@pytest.mark.parametrize("name", ["x.json", "0BADCAFE.json", "0badcafe0.json", "..json"])
def test_a_file_whose_name_is_no_id_is_no_entry(ways, name):
    put(ways, json.dumps(asdict(ENTRY)).encode(), name)
    assert ledger.read(ways.inventory)[0] == []
    assert "its name is not an id" in str(ledger.read(ways.inventory)[1][0])


def test_what_is_no_regular_file_does_not_hang(ways):
    folder = ledger.folder(ways.inventory)
    folder.mkdir(parents=True)
    os.mkfifo(folder / "0badcafe.json")
    (folder / "0badcaff.json").mkdir()
    assert [problem.why for problem in ledger.read(ways.inventory)[1]] == ["it is not a regular file"] * 2


@QUICK
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_content_is_an_entry_or_damaged(text):
    try:
        found = ledger.parse(text, "0badcafe", "x", "")
    except Damaged:
        return
    assert found.id == "0badcafe"


@QUICK
@given(st.sampled_from(sorted(asdict(ENTRY))), JSON)
def test_any_field_is_accepted_or_damaged(key, value):
    try:
        ledger.parse(json.dumps(asdict(ENTRY) | {key: value}).encode(), "0badcafe", "x", "")
    except Damaged:
        return


@QUICK
@given(fault=st.sampled_from(sorted(FAULTS)), options=JSON, before=JSON)
def test_any_options_and_notes_end_in_a_problem_or_a_status(ways, fault, options, before):
    """`faults status` and `faults heal` of whatever a record holds."""
    entry = replace(
        ENTRY,
        fault=fault,
        options=options if isinstance(options, dict) else {},
        before=before if isinstance(before, dict) else {},
    )
    try:
        made = active.fault_of(entry, ways)
    except Problem:
        return
    if made.heals_itself_on_host:
        with pytest.raises(Problem):
            engine.heal(entry, ways)


def test_status_names_a_damaged_file_and_shows_the_rest(ways, monkeypatch):
    ledger.write(ways.inventory, replace(ENTRY, id="0000beef"))
    ledger.write(ways.inventory, replace(ENTRY, id="0000dead", host="db9"))
    ledger.write(ways.inventory, replace(ENTRY, id="0000feed", fault="earthquake"))
    ledger.write(ways.inventory, replace(ENTRY, id="0000f00d", options={"magnitude": 9}))
    put(ways, b"{")
    rows, damaged, _ = active.status(ways)
    shown = {row["id"]: row["status"] for row in rows}
    assert shown["0000beef"] == "paused: does not answer SSH"
    assert "no host 'db9'" in shown["0000dead"]
    assert "no fault 'earthquake'" in shown["0000feed"]
    assert "magnitude" in shown["0000f00d"]
    assert len(damaged) == 1


def test_heal_all_heals_what_it_can_sets_aside_and_exits_2(ways, monkeypatch):
    ledger.write(ways.inventory, ENTRY)
    ledger.write(ways.inventory, replace(ENTRY, id="0000dead", host="db9"))
    file = put(ways, b"{", "0badf00d.json")
    healed = []
    monkeypatch.setattr(engine, "_heal", lambda fault, target, together: healed.append(target.id) or "as before")
    with pytest.raises(Unhealed, match="0badf00d.json is not a valid record") as caught:
        command_line.heal.main(["--all"], standalone_mode=False, obj=lambda: ways)
    assert healed == ["0badcafe"]
    assert len(caught.value.problems) == 2
    assert not file.exists() and (file.parent / "damaged" / file.name).exists()
    assert [entry.id for entry in ledger.entries(ways.inventory)] == ["0000dead"]


def journals(monkeypatch, *files: tuple[str, bytes], noise: str = ""):
    """What a host answers that has these files in its journals' folder."""
    lines = [f"{undo.MARK} {base64.b64encode(name.encode()).decode()} {base64.b64encode(text).decode()}"
             for name, text in files]  # fmt: skip
    monkeypatch.setattr(undo.ssh, "script", lambda *words, **more: "\n".join([noise, *lines, noise]))

    class Host:
        host = "10.0.0.1"

    return undo.read_journals(Host())


def test_a_host_names_no_process_and_no_path_here(monkeypatch):
    """A journal with the id of a path, or with a process id of the controller."""
    hostile = asdict(ENTRY) | {"deadman": os.getpid()}
    found, damaged = journals(
        monkeypatch,
        ("0badcafe.json", json.dumps(hostile).encode()),
        ("../../victim.json", json.dumps(hostile | {"id": "../../victim"}).encode()),
        ("\x1b[2Jx.json", b"{}"),
        noise='*** Authorised use only ***\n{"id": "0badf00d"}',
    )
    assert [(entry.id, entry.deadman) for entry in found] == [("0badcafe", None)]
    assert [problem.why for problem in damaged] == ["its name is not an id"] * 2
    assert "\x1b" not in str(damaged[1])


@QUICK
@given(st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=40)), max_size=3), st.text(max_size=80))
def test_any_answer_of_a_host_is_read(files, noise):
    with pytest.MonkeyPatch.context() as monkeypatch:
        good = [(name, text) for name, text in files if not any("\ud800" <= one <= "\udfff" for one in name)]
        found, damaged = journals(monkeypatch, *good, noise=noise)
        assert len(found) + len(damaged) <= len(good) + 2


def test_only_a_process_that_heals_this_injection_is_ended():
    """Another program may have the id among its words."""
    for words, ended in ((["0badcafe"], False), (["heal", "0badcafe", "--after", "9"], True)):
        child = subprocess.Popen([sys.executable, "-c", "print(1, flush=True); import time; time.sleep(60)", *words],
                                 stdout=subprocess.PIPE)  # fmt: skip
        with child:
            assert child.stdout.readline() == b"1\n"
            deadman.stop(replace(ENTRY, deadman=child.pid))
            if not ended:
                assert child.poll() is None
                child.kill()
            assert child.wait(10) == -9


@pytest.mark.parametrize("identity", ["../../victim", "", "0badcaf", "0BADCAFE", "0badcafe\n"])
def test_no_other_id_names_a_file(ways, identity):
    with pytest.raises(Problem, match="no id"):
        ledger.remove(ways.inventory, identity)
