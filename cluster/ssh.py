"""Commands on a host over SSH, with deadlines: one connection a host, opened when first used."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from fabric import Connection as Connection

from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

CONNECT_SECONDS = 5
COMMAND_SECONDS = 30
SURE_SECONDS = 2
ERRORS = (OSError, EOFError, paramiko.SSHException)


class Unreachable(Problem):
    """A host that does not answer SSH."""


def connect(host: Host) -> Connection:
    """An open connection as the inventory says. Raises Unreachable."""
    options = {"key_filename": str(Path(host.data["ssh_key"]).expanduser())} if host.data.get("ssh_key") else {}
    connection = Connection(
        host.address,
        user=host.data["ssh_user"],
        port=host.data.get("ssh_port", 22),
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs=options | {"banner_timeout": CONNECT_SECONDS, "auth_timeout": CONNECT_SECONDS},
    )
    if (known := host.data.get("ssh_known_hosts_file")) and os.path.exists(known):
        connection.client.load_host_keys(known)
        connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        connection.open()
    except ERRORS as error:
        connection.close()
        raise Unreachable(f"{host.name} ({host.address}) does not answer SSH ({error})", "is it on?") from None
    return connection


def sh(
    connection: Connection, command: str, *, stdin: str = "", seconds: float = COMMAND_SECONDS, check: bool = True
) -> str:
    """Run a command and return what it printed, stripped. Raises Problem when it fails and `check`."""
    running = Running(connection, command, seconds=seconds)
    running.say(stdin, last=True)
    out, said, code = running.end()
    if check and code:
        words = (said.strip() or out.strip() or f"exit {code}").splitlines()[-1]
        raise Problem(f"{connection.host}: `{_short(command)}` failed ({words})", "mend the cause and inject it again")
    return out.strip()


def script(connection: Connection, text: str, *, seconds: float = COMMAND_SECONDS, check: bool = True) -> str:
    """Run a shell script of any length, which never stands in an argument list."""
    return sh(connection, "sh", stdin=text, seconds=seconds, check=check)


def _short(command: str) -> str:
    first = command.strip().splitlines()[0]
    return first if first == command.strip() and len(first) < 200 else f"{first[:200]} ..."


class Running:
    """A command that was started on a host and goes on; paramiko itself, since each of fabric's runs costs 20 ms."""

    def __init__(self, connection: Connection, command: str, *, seconds: float = COMMAND_SECONDS) -> None:
        self.command = command
        self.host = connection.host
        self._out: list[bytes] = []
        with self._breaking_off():
            transport = connection.client.get_transport()
            if transport is None:
                raise EOFError("the connection is closed")
            self.channel = transport.open_session(timeout=CONNECT_SECONDS)
            self.channel.settimeout(seconds)
            self.channel.exec_command(command)

    def say(self, text: str, *, last: bool = False) -> None:
        """Write to its standard input; the `last` time, close it."""
        with self._breaking_off():
            if text:
                self.channel.sendall(text.encode())
            if last:
                self.channel.shutdown_write()

    def line(self) -> str:
        """Its next line, waited for."""
        with self._breaking_off():
            while b"\n" not in (whole := b"".join(self._out)):
                piece = self.channel.recv(4096)
                if not piece:
                    break
                self._out.append(piece)
            first, _, rest = whole.partition(b"\n")
            self._out = [rest] if rest else []
            return first.decode(errors="replace")

    def end(self) -> tuple[str, str, int]:
        """Wait for its end: what it printed, its errors, its exit code."""
        with self._breaking_off(), self.channel:
            while piece := self.channel.recv(65536):
                self._out.append(piece)
            said = b""
            while piece := self.channel.recv_stderr(65536):
                said += piece
            out = b"".join(self._out)
            return out.decode(errors="replace"), said.decode(errors="replace"), self.channel.recv_exit_status()

    @contextmanager
    def _breaking_off(self) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            said = f"{error or type(error).__name__}"
            raise Unreachable(f"{self.host} broke off `{_short(self.command)}` ({said})", "is it on?") from None


def answers(host: Host, seconds: float = 0.5) -> bool:
    """Whether something answers on the host's SSH port."""
    try:
        with socket.create_connection((host.address, host.data.get("ssh_port", 22)), timeout=seconds) as connection:
            connection.settimeout(seconds)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def silent(host: Host) -> float | None:
    """When (monotonic) the host was found silent; None where it answers. One that is only late is asked for longer."""
    if answers(host):
        return None
    missed = time.monotonic()
    return None if answers(host, SURE_SECONDS) else missed


def _heard(host: Host) -> float | None:
    return time.monotonic() if answers(host) else None


def wait(host: Host, *, up: bool, seconds: float) -> float:
    """Wait until the host answers SSH, or no longer does; return the seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    look = _heard if up else silent
    while (moment := look(host)) is None:
        if time.monotonic() - began > seconds:
            state = "answers SSH still" if not up else "does not answer SSH"
            raise TimeoutError(f"{host.name} {state} after {seconds:g} s")
        time.sleep(0.05)
    return moment - began
