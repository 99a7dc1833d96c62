"""How pyinfra ends where no deploy runs that could say why: one line, exit code 2; 130 after Ctrl-C."""

import os
import signal
import subprocess
import sys

import pytest

from firedrill.inventories.errors import INTERRUPTED, USAGE
from tests.cluster.sshd import Sshd
from tests.deploy.preflight.test_reach import HOSTS, closed_port  # noqa: F401 - a fixture
from tests.labs import ROOT, WITH_US

FAKE = "inventories/fake.py"
# In this project's folder its config.py is read; elsewhere the module that is named looks.
WAYS = {"file": (ROOT, "deploy/cluster.py"), "function": (None, "firedrill.deploy.cluster.deploy")}


@pytest.fixture(params=WAYS)
def deploy(pyinfra, request, tmp_path):
    """Run a deploy, named as a file or as a function; returns the exit code and the lines of ours."""
    folder, name = WAYS[request.param]

    def run(inventory, *options, yes=("-y",), **environment):
        done = pyinfra(*yes, *options, inventory, name, cwd=folder or tmp_path, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("deploy: ")]

    return run


@pytest.mark.parametrize(
    ("inventory", "options", "words"),
    [
        (ROOT / FAKE, ["--limit", "nosuch"], "fake.py takes part (--limit nosuch): name hosts or roles of the"),
        (ROOT / FAKE, ["--data", "tls"], "--data tls has no value: write --data tls=VALUE"),
        ("nosuch.py", [], "no inventory file nosuch.py: name one, such as inventories/vms.py"),
    ],
)
def test_what_names_no_host_or_no_value_is_refused_in_one_line(deploy, inventory, options, words):
    code, (line,) = deploy(inventory, *options)
    assert code == USAGE and words in line


E1 = 'etcd = [("e1", {{"ssh_hostname": "127.0.0.1", "ssh_port": 9, {}}})]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("etcd = ['e1']\n1 / 0\n", "mine.py cannot be read, line 2 (ZeroDivisionError: division by zero): correct"),
        ("etcd = [", "SyntaxError: '[' was never closed (mine.py, line 1): correct the inventory"),
        (E1.format('"ssh_strict_host_key_checking": True'), "`ssh_strict_host_key_checking`:: bool is not an instance"),
        (E1.format('"ssh_key": "/no/such"'), "No such private key file: /no/such: correct the inventory or the SSH"),
        ("", "mine.py takes part: name hosts or roles of the inventory"),
    ],
)
def test_what_pyinfra_cannot_read_or_use_is_one_line(deploy, tmp_path, text, words):
    (tmp_path / "mine.py").write_text(text)
    code, (line,) = deploy(tmp_path / "mine.py", HOME=str(tmp_path))
    assert code == USAGE and words in line


def test_where_no_host_can_be_reached_each_is_named(deploy, tmp_path, closed_port):  # noqa: F811
    (tmp_path / "mine.py").write_text(HOSTS.format(port=closed_port))
    code, lines = deploy(tmp_path / "mine.py", HOME=str(tmp_path))
    assert code == USAGE and [line.split()[2] for line in lines] == ["etcd1", "etcd2", "etcd3"]
    assert f"port {closed_port} on 127.0.2.1)): start it, or leave it out with --exclude etcd2" in lines[1]


def test_of_several_hosts_those_that_cannot_be_reached_are_named(deploy, tmp_path, closed_port):  # noqa: F811
    """In a plan pyinfra asks whether to go on, here without a terminal."""
    there = Sshd(tmp_path)
    login = {"ssh_hostname": "127.0.0.1", "ssh_port": there.port, "ssh_password": "x", "ssh_allow_agent": False}
    more = f"etcd[0][1].update({login!r})\n"
    (tmp_path / "mine.py").write_text(HOSTS.format(port=closed_port) + more)
    (tmp_path / ".ssh").mkdir()
    code, found = deploy(tmp_path / "mine.py", yes=("--dry",), HOME=str(tmp_path))
    there.drop()
    assert code == USAGE and [line.split()[2] for line in found] == ["etcd2", "etcd3"]


def test_without_a_terminal_nothing_is_confirmed(deploy, tmp_path):
    code, found = deploy(ROOT / FAKE, "--data", f"secrets_file={tmp_path}/secrets.json", yes=())
    assert code == USAGE and found[-1] == "deploy: the changes are to be confirmed, and there is no terminal: add -y"


def test_a_jump_host_that_is_down_is_one_line(deploy, tmp_path, closed_port):  # noqa: F811
    (tmp_path / "mine.py").write_text(HOSTS.format(port=closed_port))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(f"Host 127.0.*\n  ProxyJump ops@localhost:{closed_port}\n")
    code, (line,) = deploy(tmp_path / "mine.py", HOME=str(tmp_path))
    assert code == USAGE and "start the jump host or VPN that leads to them" in line


def test_a_jump_host_whose_key_is_not_known_is_one_line(deploy, tmp_path, closed_port):  # noqa: F811
    (tmp_path / "mine.py").write_text(HOSTS.format(port=closed_port))
    (tmp_path / ".ssh").mkdir()
    jump = Sshd(tmp_path)
    (tmp_path / ".ssh/config").write_text(f"Host 127.0.*\n  ProxyJump ops@localhost:{jump.port}\n")
    code, (line,) = deploy(tmp_path / "mine.py", HOME=str(tmp_path))
    jump.drop()
    assert code == USAGE and "the key of the jump host is not known" in line and "log in once by hand" in line


def test_ctrl_c_is_no_success(tmp_path):
    """pyinfra itself would exit with 0."""
    data = ("--data", "fake_delay=2", "--data", f"secrets_file={tmp_path}/secrets.json")
    command = [*WITH_US, sys.executable, "-m", "pyinfra", "-y", *data, FAKE, "deploy/cluster.py"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ) as deploy:
        assert deploy.stderr
        while "Preparing operation files" not in deploy.stderr.readline():
            assert deploy.poll() is None
        deploy.send_signal(signal.SIGINT)
        assert "deploy: interrupted: run it again, which completes it" in deploy.stderr.read()
    assert deploy.returncode == INTERRUPTED
