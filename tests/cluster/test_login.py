"""The login of a host: the inventory, else ~/.ssh/config, by the same rules as pyinfra's."""

import getpass
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from firedrill.cluster import login, route, ssh
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets
from tests.cluster.sshd import Sshd

CONFIG = """\
Include more/*.conf
Host 10.0.0.21
  HostName 192.0.2.21
  Port 2222
  User drill
  IdentityFile {home}/key
  UserKnownHostsFile {home}/known
Host 10.0.0.22
  ProxyJump ops@bastion:2200,10.0.0.9
Host bastion
  HostName 192.0.2.9
  User nobody
Host 10.0.0.*
  User everyone
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def config(home) -> Callable[[str], None]:
    login.lookup.cache_clear()

    def write(text: str) -> None:
        (home / ".ssh" / "config").write_text(textwrap.dedent(text).format(home=home))
        login.lookup.cache_clear()

    yield write
    login.lookup.cache_clear()


def host(address: str = "10.0.0.21", **data) -> Host:
    return Host("db1", address, ("postgres",), {"secrets_file": "~/secrets.json"} | data)


def test_without_a_configuration_it_is_as_ssh_does(home, config):
    found = login.of(host())
    assert (found.address, found.port, found.user, found.keys) == ("10.0.0.21", 22, getpass.getuser(), ())
    assert found.jumps == ()


def test_the_inventory_wins_over_the_configuration(home, config):
    config(CONFIG)
    (home / "key").touch()
    found = login.of(host())
    assert (found.address, found.port, found.user) == ("192.0.2.21", 2222, "drill")
    assert (found.keys, found.known_hosts) == ((str(home / "key"),), home / "known")
    found = login.of(host(ssh_user="root", ssh_port=22, ssh_key="~/other"))
    assert (found.address, found.port, found.user) == ("192.0.2.21", 22, "root")
    assert (found.keys, found.look_for_keys) == ((str(home / "other"),), False)


def test_jump_hosts_come_in_order_with_their_own_configuration(home, config):
    config(CONFIG)
    first, second = login.of(host("10.0.0.22")).jumps
    assert (str(first), first.known_hosts) == ("ops@192.0.2.9:2200", home / ".ssh/known_hosts")
    assert str(second) == "everyone@10.0.0.9"


def test_files_are_included_in_their_place(home, config):
    (home / ".ssh/more").mkdir()
    (home / ".ssh/more/1.conf").write_text("Host 10.0.0.21\n  User=included\n")
    config(CONFIG)
    assert login.of(host()).user == "included"


def test_files_that_include_each_other_are_refused(home, config):
    config("Include config")
    with pytest.raises(Problem, match=r"config cannot be read \(its Include files include each other\)"):
        login.of(host())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Host *\n  Port ssh\n", "config has the port 'ssh': correct Port or ProxyJump"),
        ("Host *\n  ProxyJump bastion:ssh\n", "config has the port 'ssh': correct Port or ProxyJump"),
        ("Host *\n  ProxyJump bastion:70000\n", "config has the port '70000'"),
        ('Match exec "true"\n  User x\n', "config cannot be read .*it has `Match exec`"),
        ('Match host x !exec "true"\n  User x\n', "config cannot be read .*it has `Match exec`"),
    ],
)
def test_what_a_configuration_cannot_mean_is_refused(home, config, text, words):
    """Also where it is used: nothing is tried, and there is no traceback."""
    config(text)
    with pytest.raises(Problem, match=words):
        login.of(host())
    with pytest.raises(ssh.Unreachable, match=words):
        ssh.connect(host())


@pytest.mark.parametrize("command", ["/nowhere/relay %h", 'nc "unclosed'])
def test_a_proxy_command_that_cannot_be_run_is_the_cause(home, config, command):
    config(f"Host *\n  ProxyCommand {command}\n")
    for ask in (ssh.connect, ssh.answers, ssh.why_not):
        with pytest.raises(Problem, match=r"the ProxyCommand .* cannot be run \(.*correct it in ~/.ssh/config"):
            found = ask(host())
            raise found if isinstance(found, Problem) else AssertionError(found)


def test_a_configuration_that_is_named_must_exist(home, config):
    with pytest.raises(Problem, match="no SSH configuration ~/nowhere: correct `ssh_config_file`"):
        login.of(host(ssh_config_file="~/nowhere"))
    named = home / "mine"
    named.write_text("Host *\n User mine\n")
    assert login.of(host(ssh_config_file=str(named))).user == "mine"


ASK_PYINFRA = """\
import json, sys
from pyinfra.connectors.sshuserclient import SSHClient
found = []
for address in sys.argv[1:]:
    name, cfg, *rest = SSHClient().parse_config(address, {})
    found.append([name, cfg["port"], cfg.get("username"), rest[2][0]])
print(json.dumps(found))
"""


def test_pyinfra_reads_the_same(home, config):
    """In a process of its own: it must not patch this one."""
    config(CONFIG)
    addresses = ["10.0.0.21", "10.0.0.23", "bastion"]
    done = subprocess.run(
        [sys.executable, "-c", ASK_PYINFRA, *addresses], capture_output=True, text=True, check=True, env=os.environ
    )
    found = [login.of(host(one)) for one in addresses]
    known = [str(one.known_hosts or home / ".ssh/known_hosts") for one in found]
    ours = [[one.address, one.port, one.user, file] for one, file in zip(found, known, strict=True)]
    assert ours == json.loads(done.stdout)


# -- jump hosts, with servers in this process -------------------------------------------------------------


@pytest.fixture
def servers(home, config, monkeypatch):
    """A jump host and a host behind it, each with a key for this user."""
    monkeypatch.setattr(route, "_shared", {})
    monkeypatch.setattr(route, "CONNECT_SECONDS", 2)
    paramiko.ECDSAKey.generate().write_private_key_file(str(home / ".ssh/id_ecdsa"))
    jump, behind = Sshd(home), Sshd(home)
    config(f"""\
        Host 127.0.0.1
          ProxyJump ops@127.0.0.1:{jump.port}
          StrictHostKeyChecking accept-new
        """)
    yield jump, behind
    for server in (jump, behind):
        server.drop()
    for client in route._shared.values():
        client.close()


def test_commands_and_answers_go_through_the_jump_host_over_one_connection(servers):
    jump, behind = servers
    there = behind.host(ssh_password=None)
    with ssh.connect(there) as one, ssh.connect(there) as other:
        assert ssh.sh(one, "echo here") + ssh.sh(other, "echo there") == "herethere"
    assert ssh.answers(there)
    assert (jump.logins.count("ops") > 0, len(jump.transports)) == (True, 1)
    assert set(jump.forwarded) == {("127.0.0.1", behind.port)}
    assert ssh.silent(there) is None


def test_a_host_that_is_off_is_silent_where_the_jump_host_says_so(servers):
    _, behind = servers
    there = behind.host(ssh_password=None)
    assert ssh.answers(there)
    behind.drop()
    assert not ssh.answers(there)
    assert ssh.silent(there) is not None
    with pytest.raises(ssh.Unreachable, match="db1 .* does not answer SSH"):
        ssh.connect(there)


def test_behind_a_jump_host_that_is_down_nothing_is_known(servers):
    jump, behind = servers
    there = behind.host(ssh_password=None)
    jump.drop()
    for act in (ssh.connect, ssh.answers, ssh.silent):
        with pytest.raises(ssh.JumpDown, match=f"no SSH login at the jump host ops@127.0.0.1:{jump.port}") as caught:
            act(there)
        assert "does `ssh ops@127.0.0.1" in caught.value.remedy
    with pytest.raises(TimeoutError, match="db1 cannot be watched: no SSH login at the jump host"):
        ssh.wait(there, up=False, seconds=0.1)


def test_a_jump_host_that_forwards_nothing_is_the_cause(servers):
    jump, behind = servers
    jump.forwards = False
    with pytest.raises(ssh.JumpDown, match="forwards no connections") as caught:
        ssh.connect(behind.host(ssh_password=None))
    assert "AllowTcpForwarding" in caught.value.remedy


def test_a_jump_host_that_refuses_the_login_is_the_cause(servers):
    jump, behind = servers
    jump.open = False
    with pytest.raises(ssh.JumpDown, match="no SSH login at the jump host"):
        ssh.connect(behind.host(ssh_password=None))


def test_a_jump_host_whose_key_is_not_known_is_refused(servers, config):
    jump, behind = servers
    config(f"Host 127.0.0.1\n  ProxyJump ops@127.0.0.1:{jump.port}\n")
    with pytest.raises(ssh.JumpDown, match="has no SSH host key in .*known_hosts") as caught:
        ssh.connect(behind.host(ssh_password=None))
    assert jump.key.get_base64() in caught.value.remedy


def test_a_key_with_a_passphrase_needs_an_agent_or_the_passphrase(home, config):
    server = Sshd(home)
    key = home / "locked"
    paramiko.ECDSAKey.generate().write_private_key_file(str(key), password="open sesame")
    there = server.host(ssh_password=None, ssh_key=str(key))
    with pytest.raises(ssh.Unreachable, match="the private key .* has a passphrase") as caught:
        ssh.connect(there)
    assert "ssh-add" in caught.value.remedy
    with ssh.connect(replace(there, data=there.data | {"ssh_key_password": "open sesame"})) as connection:
        assert ssh.sh(connection, "echo in") == "in"
    server.drop()


RELAY = """\
import os, socket, sys, threading
far = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def up():
    while piece := os.read(0, 4096):
        far.sendall(piece)
threading.Thread(target=up, daemon=True).start()
while piece := far.recv(4096):
    os.write(1, piece)
"""


@pytest.fixture
def proxied(home, config):
    """A host behind a ProxyCommand."""
    server = Sshd(home)
    (home / "relay.py").write_text(RELAY)
    config(f"Host 127.0.0.1\n  ProxyCommand {sys.executable} {home}/relay.py {server.port}\n")
    yield server.host()
    server.drop()


def test_commands_go_through_a_proxy_command(proxied):
    with ssh.connect(proxied) as connection:
        assert ssh.sh(connection, "echo here") == "here"
    assert ssh.answers(proxied, 5)


@pytest.mark.parametrize("fault", ["pause", "power_cut", "poweroff", "reboot"])
def test_behind_a_proxy_command_nobody_sees_a_host_fall_silent(proxied, fault, tmp_path):
    target = Target("0badcafe", "db1", proxied, Access(Inventory(tmp_path / "x.py", (proxied,)), Secrets()), 60)
    with pytest.raises(Refused, match="db1 is behind a ProxyCommand"):
        FAULTS[fault]().refuse(target)
