"""Whether a host is down is not told by one late answer, and when it went down not by how long one asked."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable

import paramiko
import pytest

from firedrill.cluster import ssh
from firedrill.faults.power import out_of_band
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets

LATE = ssh.SURE_SECONDS / 2


@pytest.fixture
def sshd(tmp_path):
    """A host whose SSH port says its banner so many seconds after a connection: `sshd(0.1)`; None is never."""
    listener = socket.create_server(("127.0.0.1", 0))
    links = []

    def serve(late: Callable[[int], float | None]) -> None:
        while True:
            try:
                links.append(listener.accept()[0])
            except OSError:
                return
            if (seconds := late(len(links))) is not None:
                threading.Timer(seconds, say, [links[-1]]).start()

    def say(link: socket.socket) -> None:
        try:
            link.send(b"SSH-2.0-late\r\n")
        except OSError:
            return

    def host(late: Callable[[int], float | None]) -> Host:
        threading.Thread(target=serve, args=[late], daemon=True).start()
        data = {
            "ssh_user": "root",
            "ssh_port": listener.getsockname()[1],
            "ssh_known_hosts_file": str(tmp_path / "known_hosts"),
        }
        return Host("db1", "127.0.0.1", ("postgres",), data)

    yield host
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    time.sleep(LATE)
    for link in links:
        link.close()


def test_a_host_that_is_late_is_not_down(sshd):
    host = sshd(lambda count: LATE)
    assert ssh.answers(host) and not ssh.answers(host, ssh.QUICK_SECONDS)
    with pytest.raises(TimeoutError, match="db1 still answers SSH after 1 s"):
        ssh.wait(host, up=False, seconds=1)


def test_a_host_that_is_late_once_did_not_go_down(sshd, tmp_path):
    """Nor is a login that fails a boot."""
    host = sshd(lambda count: LATE if count == 1 else 0)
    ways = Access(Inventory(tmp_path / "x.py", (host,)), Secrets())
    with pytest.raises(NotEffective, match="db1 still runs after 1 s"):
        out_of_band.prove_rebooted(Target("0badcafe", "db1", host, ways, 60, before={"boot": "x"}), 1)


def test_a_silent_host_is_down_since_its_first_miss(sshd):
    began = time.monotonic()
    took = ssh.wait(sshd(lambda count: None), up=False, seconds=5)
    assert ssh.QUICK_SECONDS <= took < ssh.QUICK_SECONDS + ssh.SURE_SECONDS <= time.monotonic() - began


SHELLS = [shell for shell in ("sh", "bash", "dash", "fish", "tcsh", "zsh") if shutil.which(shell)]
NOISE = f"*** Authorised use only ***\nno newline {ssh.MARK}\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_means_the_same_in_every_login_shell(shell):
    command = "printf '%s\\n' \"it's\" '!1' '\\0' '$HOME' `echo tick` \"ü 50%\"; echo $LC_ALL; cat; echo oh >&2; exit 3"
    framed = ssh.framed(command)
    done = subprocess.run([shell, "-c", framed], input="in\n", capture_output=True, text=True, check=False)
    assert done.stdout == f"{ssh.MARK}\nit's\n!1\n\\0\n$HOME\ntick\nü 50%\nC\nin\n"
    assert (done.stderr, done.returncode) == (f"{ssh.MARK}\noh\n", 3)


class Channel:
    """What a host sends, in pieces of a few bytes."""

    def __init__(self, out: str, errors: str = "", code: int = 0) -> None:
        self.out, self.errors, self.code = out.encode(), errors.encode(), code

    def recv(self, size: int) -> bytes:
        piece, self.out = self.out[:7], self.out[7:]
        return piece

    def recv_stderr(self, size: int) -> bytes:
        piece, self.errors = self.errors, b""
        return piece

    def recv_exit_status(self) -> int:
        return self.code

    def __enter__(self):
        return self

    def __exit__(self, *error: object) -> None:
        pass


def running(channel: Channel) -> ssh.Running:
    found = object.__new__(ssh.Running)
    found.command, found.host, found.channel, found._out, found._begun = "id", "10.0.0.1", channel, b"", False
    found.seconds = ssh.COMMAND_SECONDS
    return found


def test_what_a_login_profile_prints_is_not_output():
    it = running(Channel(f"{NOISE}first\nsecond\n", f"stdin: is not a tty\n{ssh.MARK}\noh\n", 1))
    assert it.line() == "first"
    assert it.end() == ("second\n", "oh\n", 1)


@pytest.mark.parametrize("shown", ["This account is currently not available.\n", "sftp only\x1b[2J\n"])
def test_a_login_that_runs_no_command_is_the_cause(shown):
    with pytest.raises(
        ssh.Unreachable, match=r"10.0.0.1: SSH accepts the login but runs no command \((This|sftp)"
    ) as it:
        running(Channel(shown, code=1)).end()
    assert "\x1b" not in str(it.value)


def test_a_connection_that_ends_is_lost():
    with pytest.raises(ssh.Unreachable, match="connection lost during `id`"):
        running(Channel("", code=-1)).end()


class Transport:
    """How long each session was waited for; one more is refused."""

    def __init__(self, sessions: int = 0) -> None:
        self.left, self.waited = sessions, []

    def open_session(self, timeout: float) -> Channel:
        self.waited.append(timeout)
        if len(self.waited) > self.left:
            raise paramiko.ChannelException(2, "Connect failed")
        return Channel("")


def test_a_session_that_is_refused_names_the_limit():
    with pytest.raises(ssh.Unreachable, match="refuses a further session") as it:
        running(Channel(""))._open_session(Transport())
    assert "MaxSessions" in it.value.remedy


def test_a_session_of_a_busy_host_is_waited_for_as_long_as_its_command():
    transport, found = Transport(2), running(Channel(""))
    for found.seconds in (30, 0.5):
        found._open_session(transport)
    assert transport.waited == [30, ssh.CONNECT_SECONDS]


def test_why_there_is_no_connection_is_asked_once_in_a_while(sshd, monkeypatch, tmp_path):
    """The doctors try many faults on a host that lets nobody in."""
    asked = []
    monkeypatch.setattr(
        ssh, "_ask_why", lambda host: asked.append(host) or ssh.Unreachable("db1: no shell", "give one")
    )
    host = sshd(lambda count: None)
    target = Target("0badcafe", "db1", host, Access(Inventory(tmp_path / "x.py", (host,)), Secrets()), 60)
    for _ in range(3):
        with pytest.raises(Refused, match="db1: no shell: give one"):
            _ = target.ssh
    assert asked == [host]
