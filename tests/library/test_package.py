"""How the package finds its files and starts its processes, and which inventory data pyinfra would ignore."""

import subprocess
from pathlib import Path

import pytest

from firedrill import package
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import read

INVENTORY = 'postgres = [("db1", {"ssh_hostname": "192.0.2.1"})]\nall = (postgres, {"read_lag": "1MB"})\n'


def test_a_file_of_the_package_is_named_by_its_room_and_any_other_by_its_path():
    assert package.file("templates/hosts.j2").is_file()
    assert package.file("/srv/users.py") == Path("/srv/users.py")


def test_a_process_of_ours_runs_our_modules_whatever_the_folder_holds(tmp_path):
    for name in ("firedrill", "click"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('shadowed')\n")
    command = package.command("firedrill.faults", "list", "--json")
    environment = package.environment()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def file(tmp_path):
    found = tmp_path / "hosts.py"
    found.write_text(INVENTORY)
    (tmp_path / "group_data").mkdir()
    return found


def test_group_data_of_the_users_own_may_leave_out_what_the_inventory_sets(file):
    (file.parent / "group_data/all.py").write_text("timezone = 'UTC'\n")
    assert read(file).data["read_lag"] == "1MB"


def test_group_data_that_would_override_the_inventory_is_refused(file):
    (file.parent / "group_data/all.py").write_text("read_lag = '2MB'\n")
    with pytest.raises(InventoryProblem, match="'read_lag'.*has no effect"):
        read(file)


def test_so_is_that_of_the_working_folder(file, tmp_path_factory, monkeypatch):
    (file.parent / "group_data").rmdir()
    folder = tmp_path_factory.mktemp("working")
    (folder / "group_data").mkdir()
    (folder / "group_data/all.py").write_text("read_lag = '2MB'\n")
    monkeypatch.chdir(folder)
    with pytest.raises(InventoryProblem, match="'read_lag'.*has no effect"):
        read(file)
