"""What a deploy leaves that is killed at any moment: nothing half done, and nothing that the next one does not see."""

import base64
import os
import subprocess
from types import SimpleNamespace

import pytest

from firedrill.deploy.operations import files, packages, services
from firedrill.deploy.operations.files import HostFile


def deploy(wanted: list[HostFile], cut: int | None = None, units=()) -> subprocess.CompletedProcess[str]:
    """Run the command that a host runs, with the first `cut` characters of the archive."""
    command = files.replace([file.path for file in wanted], units)
    return subprocess.run(["sh", "-c", command], input=files.archive(wanted)[:cut], text=True, capture_output=True)


@pytest.fixture
def two(tmp_path):
    (tmp_path / "a.conf").write_text("old")
    text = base64.b64encode(os.urandom(30_000)).decode()  # of a length that no buffer holds as a whole
    return [HostFile(f"{tmp_path}/a.conf", text, mode=0o640), HostFile(f"{tmp_path}/new/b c.conf", text)]


def test_files_are_replaced_together(two, tmp_path):
    assert deploy(two).returncode == 0
    assert (tmp_path / "a.conf").read_text() == two[0].content == (tmp_path / "new/b c.conf").read_text()
    assert (tmp_path / "a.conf").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == ["a.conf", "b c.conf"]


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_an_archive_that_did_not_arrive_whole_changes_nothing(two, tmp_path, share):
    assert deploy(two, cut=int(share * len(files.archive(two)))).returncode != 0
    assert (tmp_path / "a.conf").read_text() == "old"
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.conf"]


def test_a_file_is_synced_before_it_has_its_name_and_its_folder_afterwards(two, tmp_path, monkeypatch):
    """A power failure within 30 s of a deploy would leave it empty."""
    fake = tmp_path / "bin/sync"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nfor f; do [ -f "$f" ] && cat "$f" || ls "$f"; done >>{tmp_path}/synced\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    assert deploy(two).returncode == 0
    content, folders = (tmp_path / "synced").read_text().split("a.conf\n")
    assert content.startswith(two[0].content + two[1].content)
    assert folders.endswith("b c.conf\n")


def test_the_unit_is_marked_before_its_first_file_is_renamed(two):
    steps = files.replace([file.path for file in two], ["etcd", "patroni"]).split(" && ")
    mark = steps.index(f"touch {files.UNAPPLIED}/etcd {files.UNAPPLIED}/patroni")
    assert all(mark < at for at, step in enumerate(steps) if step.startswith("mv"))


def test_a_user_exists_before_the_file_that_asks_for_it_is_in_place():
    command = files.replace(["/etc/sysusers.d/weather.conf"], ())
    assert command.index("systemd-sysusers /etc/sysusers.d/weather.conf.firedrill-new") < command.index("mv ")


def test_a_change_that_an_earlier_deploy_did_not_apply_is_found():
    assert services._unapplied("etcd", {"Unapplied": "yes"}, [])
    assert not services._unapplied("etcd", {}, [SimpleNamespace(units=("etcd",), will_change=False)])
    assert services._unapplied("etcd", {}, [SimpleNamespace(units=("etcd",), will_change=True)])


def test_a_change_that_would_not_be_marked_is_a_defect():
    with pytest.raises(ValueError, match="without units=..haproxy"):
        services._unapplied("haproxy", {}, [SimpleNamespace(units=("keepalived",), will_change=False)])


DPKG = ["ii  haproxy", "hi  etcd-server", "rc  nginx-common", "iF  patroni", "iHR keepalived"]


def test_an_interrupted_installation_is_found():
    found = packages.Packages().process(DPKG)
    assert found == {"installed": ["haproxy", "etcd-server"], "interrupted": ["patroni", "keepalived"]}


def test_a_policy_of_ours_that_was_left_is_found():
    found = packages.Packages().process(["ii  haproxy", f"iH {packages.POLICY}"])
    assert found == {"installed": ["haproxy"], "interrupted": [packages.POLICY]}


@pytest.fixture
def apt(tmp_path):
    """The installation's script, with a dpkg that does what the test wants."""
    policy, run = tmp_path / "policy-rc.d", tmp_path / "run"

    def script(dpkg: str) -> str:
        text = packages.INSTALL.format(ours=packages.OURS, policy=policy, steps="true")
        return text.replace("/run/firedrill", str(run)).replace("dpkg --force-confold --configure -a", dpkg)

    return SimpleNamespace(script=script, policy=policy, run=run)


def test_services_are_held_only_meanwhile(apt):
    done = subprocess.run(["sh", "-c", apt.script(f"test -x {apt.policy}")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not apt.policy.exists() and [file.name for file in apt.run.iterdir()] == ["packages.lock"]


def test_a_policy_of_others_is_kept(apt):
    apt.policy.write_text("#!/bin/sh\nexit 0\n")
    assert subprocess.run(["sh", "-c", apt.script("true")]).returncode == 0
    assert apt.policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_failure_shows_what_apt_said(apt):
    done = subprocess.run(["sh", "-c", apt.script("{ echo E: no space; false; }")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "E: no space\n")
    assert not apt.policy.exists()


def test_an_installation_outlives_its_connection(apt, tmp_path):
    """Its output goes nowhere that could close."""
    command = apt.script(f"{{ sleep 0.5; for i in 1 2 3; do echo line $i; done; touch {tmp_path}/complete; }}")
    running = subprocess.Popen(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    running.stderr.close()
    assert running.wait(10) == 0
    assert (tmp_path / "complete").exists() and not apt.policy.exists()
