"""A deploy as an ordinary user: every command by sudo, the password in no log and on no command line."""

from pathlib import Path

import pytest

from tests.cluster.sshd import Sshd, small_sudo

PASSWORD = "it's $ecret"

INVENTORY = """\
etcd = [("db1", {{"ssh_hostname": "127.0.0.1"}})]
all = (etcd, {{
    "ssh_port": {port}, "ssh_user": "drill", "ssh_password": "x", "ssh_allow_agent": False,
    "ssh_known_hosts_file": "{folder}/known_hosts", "sudo": {{"password_env": "DRILL"}},
}})
"""
DEPLOY = """\
from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.server import Command
from firedrill.deploy.as_root import as_root

@operation()
def kept(text):
    yield StringCommand("cat > {folder}/kept", _stdin=text)
    yield StringCommand("env | cut -d= -f1 | sort > {folder}/environment; echo $# $PATH > {folder}/path")

{first}
as_root()
assert host.get_fact(Command, "cat; echo asked") == "asked"
kept(name="Keep it", text="first\\nsecond")
"""


@pytest.fixture
def log(tmp_path) -> Path:
    found = small_sudo(tmp_path)
    (found / "password").write_text(PASSWORD)
    return found


@pytest.fixture
def run(tmp_path, log, pyinfra):
    """Run the deploy with a password; returns what pyinfra did."""
    server = Sshd(tmp_path, {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    server.known_hosts.touch()
    (tmp_path / "mine.py").write_text(INVENTORY.format(port=server.port, folder=tmp_path))
    (tmp_path / "deploy.py").write_text(DEPLOY.format(folder=tmp_path, first=""))

    def act(password: str):
        files = tmp_path / "mine.py", tmp_path / "deploy.py"
        return pyinfra("-y", "--debug", "-vvv", *files, cwd=tmp_path, DRILL=password), server.commands

    yield act
    server.drop()


def test_the_password_goes_over_standard_input_alone(run, log, tmp_path):
    done, commands = run(PASSWORD)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "kept").read_text() == "first\nsecond\n"
    assert "SUDO_ASKPASS" not in (tmp_path / "environment").read_text()
    shown = done.stdout + done.stderr + "".join(commands) + (log / "arguments").read_text()
    shown += (log / "environment").read_text() + "".join(file.read_text() for file in tmp_path.glob("*.log"))
    assert PASSWORD not in shown and PASSWORD.replace("'", "'\"'\"'") not in shown
    assert set((log / "tries").read_text().splitlines()) == {PASSWORD}


def test_a_wrong_password_ends_it_with_one_line_before_any_change(run, log, tmp_path):
    done, commands = run("wrong")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("deploy: db1: sudo refuses the password of drill: correct")
    assert (log / "tries").read_text() == "wrong\n"
    assert not (tmp_path / "kept").exists()


def test_a_password_that_is_missing_is_asked_for_by_nobody(run, log, tmp_path):
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace('{"password_env": "DRILL"}', "True"))
    done, _ = run("")
    assert done.returncode == 2
    assert "deploy: db1: sudo asks for the password of drill" in done.stderr


@pytest.mark.parametrize(
    ("data", "known", "words"),
    [
        ({"sudo": {"password_env": 5}}, "", "has the sudo (not shown: it may hold a password): give it True, False"),
        ({}, "db1 ssh-rsa x\n", "known_hosts: the known SSH host keys cannot be read"),
        ({"ssh_config_file": "/nowhere/config"}, "", "no SSH configuration /nowhere/config: correct `ssh_config_file`"),
    ],
)
def test_no_host_gets_a_password_that_the_inventory_makes_no_sense_of_or_that_may_be_another(
    run, log, tmp_path, data, known, words
):
    """pyinfra takes any key where it cannot read those it knows, and passes over a configuration with a jump host."""
    with open(tmp_path / "mine.py", "a") as file:
        file.write(f"all[1].update({data!r})\n")
    (tmp_path / "known_hosts").write_text(known)
    first = "from firedrill.deploy import gate; gate.through()"
    (tmp_path / "deploy.py").write_text(DEPLOY.format(folder=tmp_path, first=first))
    done, commands = run(PASSWORD)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert words in done.stderr.strip().splitlines()[-1]
    assert not (log / "tries").exists() and not commands


def test_a_wrong_password_is_tried_once_on_each_host(run, log, tmp_path):
    """Or sudo would lock the user out; pyinfra runs a deploy for all hosts at the same time."""
    more = 'etcd = [(f"db{n}", {"ssh_hostname": "127.0.0.1"}) for n in range(1, 5)]\nall = (etcd, all[1])\n'
    with open(tmp_path / "mine.py", "a") as file:
        file.write(more)
    done, _ = run("wrong")
    refused = [line for line in done.stderr.splitlines() if "sudo refuses the password of drill" in line]
    assert done.returncode == 2 and len(refused) == 4
    assert (log / "tries").read_text() == "wrong\n" * 4
