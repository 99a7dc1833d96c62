"""A fault of the user's own: from a file, or registered by an installed package."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from firedrill import plugins
from firedrill.cluster import ssh
from firedrill.faults import engine, ledger, lookup
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

MINE = '''
from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.on_host import OnHost


@dataclass(frozen=True)
class Motd(OnHost):
    """Put a line into /etc/motd."""

    line: str = "drill"

    kind: ClassVar[str] = "own"
    default_limit_s: ClassVar[float] = 30

    def inject_text(self, target):
        return f"echo {self.line} >/etc/motd.drill"

    def undo_text(self, target):
        return "rm -f /etc/motd.drill"

    def prove(self, target):
        return "the line is there"

    def status(self, target):
        return "unknown"
'''


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch):
    monkeypatch.setattr(ssh, "answers", lambda *_: False)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    file = folder / "hosts.py"
    hosts = ", ".join(f'("db{n}", {{"ssh_hostname": "192.0.2.{n}"}})' for n in (1, 2))
    secrets = folder / "secrets.json"
    file.write_text(f'postgres = [{hosts}]\nall = (postgres, {{"chaos_allowed": True, "secrets_file": "{secrets}"}})\n')
    return read(file)


def entry(inventory, fault, identity="0badcafe"):
    return ledger.Entry(identity, fault, {"line": "x"}, "db1", "db1", str(inventory.path), 1.0, 2.0, {})


def test_a_class_in_a_file_is_found_again_by_its_recorded_name(mine):
    fault = lookup.find(f"{mine}:Motd")(line="two")
    name = lookup.name_of(fault)
    assert name == f"{mine}:Motd"
    assert lookup.make(name, {"line": "two"}) == fault


def test_the_only_fault_of_a_file_needs_no_name(mine):
    assert lookup.find(str(mine)).__name__ == "Motd"


def test_another_process_finds_it_too(mine, tmp_path):
    name = lookup.name_of(lookup.find(f"{mine}:Motd")())
    look = f"from firedrill.faults import lookup; print(lookup.make({name!r}, {{'line': 'y'}}))"
    done = subprocess.run([sys.executable, "-c", look], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "Motd(line='y')"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("class Motd: pass", "is not a frozen dataclass"),
        ("from dataclasses import dataclass\n@dataclass\nclass Motd: pass", "is not a frozen dataclass"),
        ("from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Motd: pass", "has no kind"),
        (MINE.replace('line: str = "drill"', "line: str"), "the option line has no default"),
        ("raise OSError('no disk')", r"cannot be loaded \(OSError: no disk\)"),
        ("import sys; sys.exit(3)", r"cannot be loaded \(SystemExit: 3\)"),
        ("other = 1", "defines no 'Motd'"),
    ],
)
def test_what_cannot_be_a_fault_is_refused(tmp_path, text, cause):
    file = tmp_path / "bad.py"
    file.write_text(text)
    with pytest.raises(Problem, match=cause):
        lookup.find(f"{file}:Motd")


def test_a_class_that_no_other_process_finds_is_refused_before_anything_is_touched(mine, inventory):
    namespace = {"__name__": "__main__"}
    exec(MINE, namespace)  # as in the program that the user runs
    with pytest.raises(Refused, match="no other process could heal it"):
        engine.plan(namespace["Motd"](), "db1", Access(inventory, Secrets()))


def test_an_unknown_option_in_the_ledger_is_refused(mine):
    with pytest.raises(Problem, match="has no option colour"):
        lookup.make(f"{mine}:Motd", {"colour": "red"})


def test_an_entry_point_is_a_fault_by_its_name(mine, monkeypatch):
    monkeypatch.syspath_prepend(mine.parent)
    point = EntryPoint("motd", "mine:Motd", plugins.FAULTS)
    monkeypatch.setattr(plugins, "registered", lambda group: {"motd": point} if group == plugins.FAULTS else {})
    assert "motd" in lookup.names()
    assert lookup.name_of(lookup.find("motd")()) == "motd"


def test_a_file_that_a_host_names_is_never_loaded(tmp_path, inventory):
    trap, proof = tmp_path / "trap.py", tmp_path / "loaded"
    trap.write_text(f"open({str(proof)!r}, 'w')\n" + MINE)
    access = Access(inventory, Secrets())
    with pytest.raises(Problem, match="of another controller"):
        engine.heal(entry(inventory, f"{trap}:Motd"), access, lambda *_: None)
    assert not proof.exists()


def test_a_file_that_our_own_ledger_names_is_loaded(mine, inventory):
    written = entry(inventory, f"{mine}:Motd", "600dcafe")
    ledger.write(inventory, written)
    with pytest.raises(Problem, match="does not answer SSH"):  # it came as far as asking the host
        engine.heal(written, Access(inventory, Secrets()), lambda *_: None)


def test_the_command_takes_a_file_and_its_options(quick, mine, inventory):
    arguments = ("-i", inventory.path, "inject", f"{mine}:Motd", "db1", "--line", "three", "--dry-run", "--json")
    done = quick("faults", *arguments)
    assert done.returncode == 0, done.stderr
    assert "echo three >/etc/motd.drill" in json.loads(done.stdout)["db1"]


def test_the_command_says_what_is_wrong_with_a_file(quick, mine, inventory):
    done = quick("faults", "-i", inventory.path, "inject", f"{mine}:Other", "db1")
    assert done.returncode == 2
    assert "defines no 'Other'" in done.stderr
