"""The examples of docs/library.md: files are written, commands are run, in one folder, with the wheel."""

import functools
import gzip
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.labs import ROOT

PAGE = ROOT / "docs/library.md"
BLOCK = re.compile(r"^```(\w+)(?: (.+?))?\n(.*?)^```$", re.M | re.S)
VERDICT = ROOT / "tests/experiments/recordings/leader_power_cut.verdict.json.gz"


def blocks() -> list[tuple[str, str, str]]:
    """(language, what follows it, text) of each example."""
    return BLOCK.findall(PAGE.read_text())


def commands(*, lab: bool) -> list[str]:
    found = [text.splitlines() for language, more, text in blocks() if language == "sh" and (more == "lab") == lab]
    return [line.partition(" #")[0].strip() for lines in found for line in lines]


def write_files(folder: Path) -> None:
    for language, more, text in blocks():
        if language == "python":
            file = folder / more.removeprefix("file=")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
    (folder / "verdict.json").write_bytes(gzip.decompress(VERDICT.read_bytes()))


@pytest.fixture(scope="module")
def reader(installed, tmp_path_factory):
    """Somebody who types the page into an empty folder: runs a line once, and knows what it printed."""
    folder = tmp_path_factory.mktemp("reader")
    write_files(folder)
    here = replace(installed, folder=folder)
    return functools.cache(lambda line: here("sh", "-c", line))


def test_every_python_example_is_a_file_with_a_name():
    names = [more for language, more, _ in blocks() if language == "python"]
    assert len(names) > 5 and all(re.fullmatch(r"file=[\w/]+\.py", name) for name in names)


@pytest.mark.wheel
@pytest.mark.parametrize("line", commands(lab=False))
def test_it_runs_without_hosts(reader, line):
    reader(line)


@pytest.mark.wheel
def test_what_is_shown_is_what_is_there(reader):
    assert reader("python hosts.py").splitlines()[0] == "etcd1 192.0.2.11 etcd"
    assert reader("python system.py") == "The payments database\n"
    assert "leader_power_cut pass" in reader("python read_verdict.py verdict.json")
    assert "The leader gets little CPU time" in reader("experiments show ./mine.py")


@pytest.mark.wheel
def test_completion_knows_the_commands(reader):
    asked = "COMP_WORDS='experiments ru' COMP_CWORD=1 _EXPERIMENTS_COMPLETE=bash_complete experiments"
    assert reader(asked) == "plain,run\n"


@pytest.mark.wheel
def test_a_deploy_of_the_users_own_is_planned(reader, tmp_path):
    inventory = (ROOT / "inventories/fake.py").read_text().replace("~/.local/state/firedrill", str(tmp_path))
    (tmp_path / "fake.py").write_text(inventory)
    assert "Note who did it" in reader(f"pyinfra --dry --json {tmp_path}/fake.py deploy/own.py")


@pytest.mark.lab("library")
def test_it_runs_on_hosts(users_lab):
    write_files(users_lab.folder)
    for line in commands(lab=True):
        users_lab("sh", "-c", line, seconds=400)
