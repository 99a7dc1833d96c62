"""The wheel: complete, one package, and its commands work where every name of ours is a folder of the user's."""

import gzip
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.labs import ROOT

pytestmark = pytest.mark.wheel
HEAVY = ("etcd3", "fabric", "gevent", "grpc", "httpx", "locust", "matplotlib", "paramiko", "psycopg", "pyinfra")
RECORDING = ROOT / "tests/experiments/recordings/leader_power_cut"
EXITS = {"pass": 0, "fail": 1, "unknown": 3}
DEPLOY = """\
from firedrill.deploy.base import base
from firedrill.deploy.etcd import etcd
from firedrill.deploy.preflight.run import preflight

preflight()
base()
etcd()
"""
# Starts users as a run does, and waits for the first request of theirs.
USERS = """\
import time
from pathlib import Path
from firedrill.experiments.model import Load
from firedrill.experiments.observe import users
from firedrill.inventories.access import access
from firedrill.inventories.read import read

folder = Path({folder!r})
load, cluster = Load(rates={{"GET /cities": 5}}), access(read("inventories/here.py"))
run = users.start(load, cluster, folder / "events", folder / "log")
deadline = time.monotonic() + 30
while time.monotonic() < deadline and not ((folder / "events").exists() and (folder / "events").stat().st_size):
    time.sleep(0.1)
print(run.poll() is None)
users.stop(run)
"""


def content(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def files(folder: Path) -> set[str]:
    """The files of the package in a checkout, through its links."""
    found = set()
    for at, folders, names in os.walk(folder / "firedrill", followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found |= {str((Path(at) / name).relative_to(folder)) for name in names}
    return found


@pytest.fixture(scope="module")
def fake(installed) -> Path:
    """The user's inventory of hosts that do not exist."""
    file = installed.folder / "inventories" / "fake.py"
    secrets = installed.folder / "secrets.json"
    text = (ROOT / "inventories/fake.py").read_text()
    file.write_text(text.replace("~/.local/state/firedrill/fake-secrets.json", str(secrets)))
    return file


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel, source):
    assert content(wheel) == files(source)


@pytest.mark.parametrize(
    "name",
    [
        "py.typed", "templates/patroni.yml.j2", "experiments/report/templates/report.html.j2", "lab/supervise.sh",
        "lab/uml-guest", "deploy/on_host/check.py", "faults/programs/memory.py", "weather/schema_mysql.sql",
        "experiments/run/programs/excerpts.py", "experiments/judge/verdict.schema.json",
    ],
)  # fmt: skip
def test_what_is_not_an_import_is_in_the_wheel(wheel, name):
    assert f"firedrill/{name}" in content(wheel)


def test_a_source_archive_makes_the_same_wheel(build, source, wheel, tmp_path):
    archive = build("sdist", source)
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tmp_path], check=True)
    [unpacked] = tmp_path.iterdir()
    assert content(build("wheel", unpacked)) == content(wheel)


def test_it_installs_one_package_and_the_commands(installed):
    assert {it.name for it in installed.packages.iterdir() if it.suffix not in (".pth", ".dist-info")} == {"firedrill"}
    assert {it.name for it in installed.bin.iterdir()} >= {"lab", "faults", "experiments"}


def test_the_files_that_run_are_those_of_the_wheel(installed):
    look = "import firedrill.faults.engine as it, firedrill.package as package; print(it.__file__, package.FOLDER)"
    module, folder = installed("python", "-P", "-c", look).split()
    assert module.startswith(f"{installed.packages}/firedrill/") and folder == f"{installed.packages}/firedrill"


def test_importing_it_is_light(installed):
    look = f"import sys, firedrill; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert installed("python", "-P", "-c", look).strip() == "[]"


def test_faults_are_listed(installed):
    names = {row["fault"] for row in json.loads(installed("faults", "list", "--json"))}
    assert {"power_cut", "partition", "command"} <= names


def test_experiments_are_listed(installed):
    names = {row["name"] for row in json.loads(installed("experiments", "list", "--json"))}
    assert "leader_power_cut" in names


def test_a_recording_is_judged_and_reported(installed, tmp_path):
    events, report = tmp_path / "events.jsonl", tmp_path / "report"
    events.write_bytes(gzip.decompress(RECORDING.with_suffix(".events.jsonl.gz").read_bytes()))
    recorded = json.loads(gzip.decompress(RECORDING.with_suffix(".verdict.json.gz").read_bytes()))
    judged = installed("experiments", "judge", events, "--report", report, "--json", code=EXITS[recorded["verdict"]])
    assert json.loads(judged)["rto_ms"] == recorded["rto_ms"]
    assert "<svg" in (report / "report.html").read_text()


def test_a_deploy_of_the_users_own_imports_a_part_of_ours(installed, fake):
    own = installed.folder / "deploy" / "own.py"
    own.write_text(DEPLOY)
    shown = installed("python", "-P", "-m", "pyinfra", "--dry", "--json", "inventories/fake.py", "deploy/own.py")
    steps = {step["name"]: set(step["hosts_with_change"]) for step in json.loads(shown)["plan"]}
    assert steps["Start etcd"] == {"@fake/etcd1", "@fake/etcd2", "@fake/etcd3"}


def test_the_whole_deploy_is_named_by_its_module(installed, fake):
    everything = "firedrill.deploy.cluster.deploy"
    shown = installed("python", "-P", "-m", "pyinfra", "--dry", "--json", "inventories/fake.py", everything)
    names = {step["name"] for step in json.loads(shown)["plan"]}
    assert {"Start etcd", "Write the Patroni configuration", "Write the weather app and its configuration"} <= names


def test_an_own_fault_is_found_in_the_users_folder(installed, fake):
    own = installed.folder / "faults" / "mine.py"
    own.write_text(
        "from dataclasses import dataclass\n"
        "from firedrill.faults.command import Command\n\n\n"
        "@dataclass(frozen=True)\n"
        "class Motd(Command):\n"
        '    """Write a line to a file."""\n\n'
        '    do: str = "touch /tmp/line"\n'
        '    proof: str = "test -e /tmp/line"\n'
        '    undo: str = "rm -f /tmp/line"\n'
    )
    text = fake.read_text().replace('{"vip":', '{"chaos_allowed": True, "vip":')
    (fake.parent / "allowed.py").write_text(text)
    shown = installed("faults", "-i", "inventories/allowed.py", "inject", "faults/mine.py:Motd", "db1", "--dry-run")
    assert "db1: touch /tmp/line" in shown


def test_without_an_inventory_the_users_own_lab_is_taken_else_ours(installed):
    look = "from firedrill.inventories.read import default_path; print(default_path())"
    assert installed("python", "-P", "-c", look).strip() == f"{installed.packages}/firedrill/inventories/lab.py"
    mine = installed.folder / "inventories" / "lab.py"
    mine.write_text('postgres = [("mine", {"ssh_hostname": "192.0.2.1"})]\n')
    assert installed("python", "-P", "-c", look).strip() == "inventories/lab.py"
    mine.unlink()


def test_locust_runs_the_users_of_the_package_without_the_settings_of_the_folder(installed, tmp_path):
    (installed.folder / "inventories" / "here.py").write_text('postgres = [("here", {"ssh_hostname": "127.0.0.1"})]\n')
    assert installed("python", "-P", "-c", USERS.format(folder=str(tmp_path))) == "True\n"
    [first, *_] = (tmp_path / "events").read_text().splitlines()
    assert json.loads(first)["kind"]
