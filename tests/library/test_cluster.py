"""What `from firedrill import ...` offers, without hosts."""

import ast
import gzip
import json
import subprocess
import sys

import pytest

import firedrill
from firedrill import Cluster, InventoryProblem, Refused, Verdict, faults, library
from tests.labs import ROOT

HOSTS = 'postgres = [("db1", {"ssh_hostname": "127.0.0.1"}), ("db2", {"ssh_hostname": "127.0.0.2"})]\n'


@pytest.fixture
def cluster(inventory_file):
    return Cluster(inventory_file(HOSTS))


def test_a_cluster_has_the_hosts_of_its_inventory(cluster):
    assert [host.name for host in cluster.hosts] == ["db1", "db2"]


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InventoryProblem, match="no inventory file"):
        Cluster(tmp_path / "none.py")


def test_faults_are_refused_where_the_inventory_does_not_allow_them(cluster):
    with pytest.raises(Refused, match="does not allow faults"), cluster.inject(faults.Freeze(), "db1"):
        pytest.fail("the block was entered")


def test_without_an_answer_there_is_no_leader_and_the_steady_state_is_missed(cluster):
    assert cluster.leader is None
    assert cluster.missing


class Recorded:
    """A run that was recorded earlier."""

    content = None

    def __init__(self, experiment, access, *, seed, folder, tell):
        self.about = (experiment.name, seed, folder)

    def run(self):
        return Verdict.from_json(self.content | {"seed": self.about[1]})


def test_a_run_returns_the_typed_verdict(cluster, monkeypatch, tmp_path, verdict):
    monkeypatch.setattr(library, "Run", Recorded)
    monkeypatch.setattr(Recorded, "content", verdict)
    found = cluster.run("leader_power_cut", seed=7, folder=tmp_path / "run")
    assert isinstance(found, Verdict)
    assert (found.verdict, found.rto_ms, found.seed) == (verdict["verdict"], verdict["rto_ms"], 7)
    assert (tmp_path / "run").is_dir()


def test_a_run_by_a_backend_that_cannot_do_it_is_refused_before_anything_else(cluster, tmp_path):
    with pytest.raises(Refused, match="power_cut is carried out by its own means only"):
        cluster.run("leader_power_cut", backend="chaosblade", folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def verdict():
    file = ROOT / "tests/experiments/recordings/leader_power_cut.verdict.json.gz"
    return json.loads(gzip.decompress(file.read_bytes()))


def test_every_public_name_can_be_imported_and_is_documented():
    for name in firedrill.__all__:
        assert getattr(firedrill, name).__doc__, name


def test_type_checkers_see_the_same_names():
    tree = ast.parse((ROOT / "firedrill/__init__.py").read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.asname: node.module for node in block.body for alias in node.names}
    assert seen == firedrill._HOME


def test_every_fault_of_the_catalogue_is_an_attribute():
    from firedrill.faults.catalogue import FAULTS

    assert [getattr(faults, kind.__name__) for kind in FAULTS.values()] == list(FAULTS.values())
    with pytest.raises(AttributeError, match="no fault 'Nothing'"):
        _ = faults.Nothing


def loaded(statement, *modules):
    look = f"import sys; {statement}; print(*(name for name in {modules!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("module", ["firedrill", "firedrill.faults", "firedrill.plugins"])
def test_importing_is_light(module):
    assert loaded(f"import {module}", "fabric", "paramiko", "gevent", "grpc", "locust", "matplotlib", "pyinfra") == []


def test_using_it_does_not_patch_the_process():
    assert loaded("from firedrill import Cluster", "gevent", "locust", "pyinfra") == []
