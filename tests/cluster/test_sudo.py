"""Commands as root by sudo: what the password goes through, what the command sees, and why sudo refuses."""

import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from firedrill.cluster import ssh
from firedrill.faults.connections import connected
from firedrill.inventories import sudo
from firedrill.inventories.errors import Problem
from tests.cluster.sshd import Sshd, small_sudo

PASSWORD = "pa'ss \"w$rd\\!"
NOEXEC = f"#!/bin/sh\necho '{ssh.MARK}' | tee /dev/stderr\necho 'sh: 1: id: Permission denied'\n"
SHELLS = [shell for shell in ("sh", "bash", "dash", "fish", "tcsh", "zsh") if shutil.which(shell)]


@pytest.fixture
def log(tmp_path) -> Path:
    return small_sudo(tmp_path)


@pytest.fixture
def sshd(tmp_path, log, monkeypatch) -> Iterator[Sshd]:
    monkeypatch.setenv("HOME", str(tmp_path))
    server = Sshd(tmp_path, {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    yield server
    server.drop()


def wants(log: Path, password: str) -> None:
    (log / "password").write_text(password)


def given(log: Path, name: str) -> str:
    file = log / name
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("asks", [True, False])
def test_a_command_means_the_same_in_every_login_shell_whether_sudo_asks_or_not(shell, asks, log, tmp_path):
    if asks:
        wants(log, PASSWORD)
    command = "printf '%s\\n' \"it's\" '!1' '\\0' '$HOME' `echo tick` \"ü 50%\"; echo $LC_ALL; cat; echo oh >&2; exit 3"
    framed = ssh.framed_as_root(command, PASSWORD)
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "SSH_CONNECTION": "1 2 3 4"}
    done = subprocess.run(
        [shell, "-c", framed],
        input=f"{sudo.stdin(PASSWORD)}in\n", capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.stdout == f"{ssh.MARK}\nit's\n!1\n\\0\n$HOME\ntick\nü 50%\nC\nin\n"
    assert (done.stderr.partition(f"{ssh.MARK}\n")[2], done.returncode) == ("oh\n", 3)


@pytest.mark.parametrize("asks", [True, False])
def test_the_password_is_on_no_command_line_and_in_no_environment(asks, sshd, log):
    if asks:
        wants(log, PASSWORD)
    with ssh.connect(sshd.host(sudo={"password": PASSWORD})) as connection:
        assert ssh.sh(connection, "cat; env; tr '\\0' ' ' </proc/$$/cmdline", stdin="mine\n").startswith("mine\n")
    shown = given(log, "arguments") + given(log, "environment") + "".join(sshd.commands)
    assert len(sshd.commands) == 2 and PASSWORD not in shown
    assert given(log, "tries") == (f"{PASSWORD}\n" * 2 if asks else "")


def test_without_a_password_sudo_is_told_not_to_ask(sshd, log):
    with ssh.connect(sshd.host(sudo=True)) as connection:
        assert ssh.script(connection, "cat /dev/null\necho $#; id -u", seconds=5) == "0\n0"
    assert "-n" in given(log, "arguments").split() and "-S" not in given(log, "arguments").split()


def test_the_command_knows_its_controller_and_finds_the_programs_of_root(sshd):
    with ssh.connect(sshd.host(sudo=True)) as connection:
        shown = ssh.sh(connection, "echo \"${SSH_CONNECTION%% *}\"; echo $PATH; sh -c 'echo $SSH_CONNECTION $LC_ALL'")
    assert shown == f"192.0.2.7\n{sudo.PATH}\n192.0.2.7 5022 192.0.2.8 22 C"


def test_a_long_text_and_a_conversation_pass_as_they_are(sshd, log):
    wants(log, PASSWORD)
    text = "".join(f"line {number} {'x' * 90}\n" for number in range(5000))
    with ssh.connect(sshd.host(sudo={"password": PASSWORD})) as connection:
        assert ssh.sh(connection, "cat", stdin=text) == text.strip()
        running = ssh.Running(connection, "echo ready; read -r go; echo got $go; cat >&2")
        assert running.line() == "ready"
        running.send("on\n", last=True)
        assert running.line() == "got on"
        assert running.end() == ("", "", 0)


def test_a_wrong_password_is_tried_once_and_is_the_cause(sshd, log):
    wants(log, PASSWORD)
    with pytest.raises(ssh.Unreachable) as caught:
        ssh.connect(sshd.host(sudo={"password": "wrong"}))
    assert caught.value.cause == "127.0.0.1: sudo refuses the password of drill"
    assert "password" in caught.value.remedy
    assert given(log, "tries") == "wrong\n"
    assert len(sshd.commands) == 1


def test_a_wrong_password_is_not_tried_again_to_name_the_cause(sshd, log):
    wants(log, PASSWORD)
    host = sshd.host(sudo={"password": "wrong"})
    with connected([host]) as connections:
        assert connections == {"db1": None}
        assert "sudo refuses the password of drill" in ssh.why_not(host).cause
    assert given(log, "tries") == "wrong\n"


def test_a_password_that_is_missing_is_the_cause(sshd, log):
    wants(log, PASSWORD)
    with pytest.raises(ssh.Unreachable, match="sudo asks for the password of drill"):
        ssh.connect(sshd.host(sudo=True))


@pytest.mark.parametrize(
    ("says", "cause", "remedy"),
    [
        ("drill is not in the sudoers file.", "drill is not in sudoers", "drill ALL="),
        ("Sorry, user drill may not run sudo on db1.", "drill is not in sudoers", "drill ALL="),
        (
            "Sorry, user drill is not allowed to execute '/usr/bin/sh -c x' as root on db1.",
            "sudo allows drill some commands only",
            "drill ALL=",
        ),
        ("sudo: sorry, you must have a tty to run sudo", "sudo wants a terminal", "Defaults:drill !requiretty"),
        (
            "sudo: unknown\x1b[2J trouble pa55",
            r"sudo does not run commands as root for drill \(sudo: unknown",
            "drill ALL=",
        ),
    ],
)
def test_why_sudo_refuses(says, cause, remedy, sshd, log):
    (log / "says").write_text(says)
    with pytest.raises(ssh.Unreachable, match=cause) as caught:
        ssh.connect(sshd.host(sudo={"password": "pa55"}))
    assert remedy in caught.value.remedy
    assert "\x1b" not in str(caught.value) and "pa55" not in str(caught.value)


def test_a_host_without_sudo_is_the_cause(sshd, tmp_path):
    (tmp_path / "bin" / "sudo").unlink()
    with pytest.raises(ssh.Unreachable, match="sudo is not installed"):
        ssh.connect(sshd.host(sudo=True))


def test_a_sudo_that_starts_no_program_is_the_cause(sshd, tmp_path):
    """NOEXEC in sudoers: the shell starts, and nothing else does."""
    (tmp_path / "bin" / "sudo").write_text(NOEXEC)
    with pytest.raises(ssh.Unreachable, match=r"sudo does not run commands as root for drill \(`id -u` prints"):
        ssh.connect(sshd.host(sudo=True))


def test_a_login_that_runs_no_command_is_not_blamed_on_sudo(tmp_path, log, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    nologin = tmp_path / "nologin"
    nologin.write_text("#!/bin/sh\necho 'This account is currently not available.'\nexit 1\n")
    nologin.chmod(nologin.stat().st_mode | stat.S_IEXEC)
    server = Sshd(tmp_path, shell=str(nologin))
    with pytest.raises(ssh.Unreachable, match="SSH accepts the login but runs no command"):
        ssh.connect(server.host(sudo=True))
    server.drop()


class TestPrompt:
    """The password is asked for once, with a terminal only."""

    DATA = {"sudo": {"password_prompt": "sudo on the databases"}}

    @pytest.fixture(autouse=True)
    def no_answer_yet(self, monkeypatch):
        monkeypatch.setenv(sudo.PROMPTED, "")
        monkeypatch.delenv(sudo.PROMPTED)

    def test_it_is_asked_once(self, monkeypatch):
        asked = []
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or PASSWORD)
        assert sudo.known(self.DATA) == ""
        assert [sudo.password(self.DATA), sudo.password(self.DATA)] == [PASSWORD] * 2
        assert sudo.known(self.DATA) == PASSWORD
        assert asked == ["sudo on the databases: "]

    @pytest.mark.parametrize("typed", ["", EOFError()])
    def test_nothing_typed_is_no_password(self, monkeypatch, typed):
        def ask(prompt):
            if typed:
                raise typed
            return typed

        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("getpass.getpass", ask)
        with pytest.raises(Problem, match="no password for sudo was typed: type it at the prompt"):
            sudo.password(self.DATA)

    def test_without_a_terminal_it_is_refused(self, monkeypatch):
        monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
        with pytest.raises(Problem, match="there is no terminal"):
            sudo.password(self.DATA)
