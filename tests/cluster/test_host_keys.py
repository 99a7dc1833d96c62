"""The first key of a host is written down; another one is refused, and so is an unknown one where that is asked for."""

import socket
import threading
from dataclasses import replace

import paramiko
import pytest

from firedrill.cluster import ssh
from firedrill.inventories.read import Host


class Sshd(paramiko.ServerInterface):
    """Shows its key, and lets nobody in."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"


@pytest.fixture
def sshd(tmp_path):
    """A host with a key that can be exchanged: `sshd.key = ...`; `sshd.host`."""
    listener = socket.create_server(("127.0.0.1", 0))

    class Server:
        key = paramiko.ECDSAKey.generate()
        host = Host(
            "db1",
            "127.0.0.1",
            ("postgres",),
            {
                "ssh_user": "root",
                "ssh_port": listener.getsockname()[1],
                "ssh_known_hosts_file": str(tmp_path / "state" / "known_hosts"),
            },
        )

    def serve() -> None:
        while True:
            try:
                link = listener.accept()[0]
            except OSError:
                return
            transport = paramiko.Transport(link)
            transport.add_server_key(Server.key)
            try:
                transport.start_server(server=Sshd())
            except (paramiko.SSHException, EOFError, OSError):
                continue

    threading.Thread(target=serve, daemon=True).start()
    yield Server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def why(host: Host) -> ssh.NoLogin:
    with pytest.raises(ssh.NoLogin) as caught:
        ssh.connect(host)
    return caught.value


@pytest.fixture(autouse=True)
def no_keys_of_this_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


def test_a_new_key_is_written_down_once_and_a_changed_one_is_refused(sshd, tmp_path):
    file = tmp_path / "state" / "known_hosts"
    assert "refuses the SSH login of root" in why(sshd.host).cause
    port = sshd.host.data["ssh_port"]
    assert file.read_text() == f"[127.0.0.1]:{port} {sshd.key.get_name()} {sshd.key.get_base64()}\n"
    assert "refuses the SSH login of root" in why(sshd.host).cause
    assert len(file.read_text().splitlines()) == 1
    sshd.key = paramiko.ECDSAKey.generate()
    problem = why(sshd.host)
    assert f"db1 (127.0.0.1) shows another SSH host key (ecdsa-sha2-nistp256 {sshd.key.fingerprint})" in problem.cause
    assert f"in {file}, line 1" in problem.cause
    assert problem.remedy.endswith(f"ssh-keygen -f {file} -R '[127.0.0.1]:{port}'")


def test_a_new_key_that_cannot_be_written_down_is_refused(sshd, tmp_path):
    """Otherwise any key would do, each time."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/known_hosts").symlink_to("/proc/no/such/file")
    for _ in range(2):
        problem = why(sshd.host)
        assert "cannot be written (" in problem.cause and "state/known_hosts" in problem.cause
        assert problem.remedy == "make it writable, or name another file in `ssh_known_hosts_file`"


def test_a_file_without_a_final_newline_keeps_its_last_line(sshd, tmp_path):
    file = tmp_path / "state" / "known_hosts"
    file.parent.mkdir()
    file.write_text("# mine")
    why(sshd.host)
    assert file.read_text().startswith("# mine\n[127.0.0.1]:")


def test_only_known_hosts_where_the_inventory_says_so(sshd, tmp_path):
    strict = replace(sshd.host, data=sshd.host.data | {"ssh_strict_host_key_checking": "yes"})
    problem = why(strict)
    assert "has no SSH host key in" in problem.cause
    assert sshd.key.get_base64() in problem.remedy
    assert not (tmp_path / "state").exists()


def test_the_home_folder_is_meant_by_a_tilde_and_a_damaged_file_is_named(sshd, tmp_path):
    host = replace(sshd.host, data=sshd.host.data | {"ssh_known_hosts_file": "~/hosts"})
    why(host)
    assert "ecdsa" in (tmp_path / "hosts").read_text()
    for damaged in (b"\xff\xfe\x00", b"db1 ssh-rsa x\n"):
        (tmp_path / "hosts").write_bytes(damaged)
        assert f"{tmp_path / 'hosts'}: the known SSH host keys cannot be read" in why(host).cause


def test_a_key_that_is_missing_is_the_cause(sshd):
    host = replace(sshd.host, data=sshd.host.data | {"ssh_key": "/nowhere/key"})
    assert "no SSH login at db1 (127.0.0.1)" in why(host).cause
    assert "/nowhere/key" in why(host).cause
