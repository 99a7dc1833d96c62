"""Commands on a host over SSH, each with a deadline."""

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
    """An open connection, with the user, port and keys that the inventory gives. Raises Unreachable."""
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
        raise Unreachable(f"{host.name} ({host.address}) does not answer SSH ({error})", "is it switched on?") from None
    return connection


def sh(
    connection: Connection, command: str, *, stdin: str = "", seconds: float = COMMAND_SECONDS, check: bool = True
) -> str:
    """Run a command and return its output, stripped. Raises Problem if it fails, unless `check` is false."""
    running = Running(connection, command, seconds=seconds)
    running.send(stdin, last=True)
    out, errors, code = running.end()
    if check and code:
        cause = (errors.strip() or out.strip() or f"exit {code}").splitlines()[-1]
        raise Problem(f"{connection.host}: `{_short(command)}` failed ({cause})", "fix the cause and try again")
    return out.strip()


def script(connection: Connection, text: str, *, seconds: float = COMMAND_SECONDS, check: bool = True) -> str:
    """Run a shell script of any length: it is sent on standard input, not as an argument."""
    return sh(connection, "sh", stdin=text, seconds=seconds, check=check)


def _short(command: str) -> str:
    first = command.strip().splitlines()[0]
    return first if first == command.strip() and len(first) < 200 else f"{first[:200]} ..."


class Running:
    """A command that is running on a host. It uses paramiko directly: each run by fabric costs 20 ms."""

    def __init__(self, connection: Connection, command: str, *, seconds: float = COMMAND_SECONDS) -> None:
        self.command = command
        self.host = connection.host
        self._out: list[bytes] = []
        with self._unreachable_on_error():
            transport = connection.client.get_transport()
            if transport is None:
                raise EOFError("the connection is closed")
            self.channel = transport.open_session(timeout=CONNECT_SECONDS)
            self.channel.settimeout(seconds)
            self.channel.exec_command(command)

    def send(self, text: str, *, last: bool = False) -> None:
        """Write to its standard input; `last` closes it."""
        with self._unreachable_on_error():
            if text:
                self.channel.sendall(text.encode())
            if last:
                self.channel.shutdown_write()

    def line(self) -> str:
        """Its next line of output, awaited; empty if it has ended."""
        with self._unreachable_on_error():
            while b"\n" not in (received := b"".join(self._out)):
                piece = self.channel.recv(4096)
                if not piece:
                    break
                self._out.append(piece)
            first, _, rest = received.partition(b"\n")
            self._out = [rest] if rest else []
            return first.decode(errors="replace")

    def end(self) -> tuple[str, str, int]:
        """Wait until it ends; return its output, its errors, its exit code."""
        with self._unreachable_on_error(), self.channel:
            while piece := self.channel.recv(65536):
                self._out.append(piece)
            errors = b""
            while piece := self.channel.recv_stderr(65536):
                errors += piece
            out = b"".join(self._out)
            return out.decode(errors="replace"), errors.decode(errors="replace"), self.channel.recv_exit_status()

    @contextmanager
    def _unreachable_on_error(self) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            cause = f"{error or type(error).__name__}"
            raise Unreachable(
                f"{self.host}: connection lost during `{_short(self.command)}` ({cause})", "is it switched on?"
            ) from None


def answers(host: Host, seconds: float = 0.5) -> bool:
    """Whether something answers on the host's SSH port."""
    try:
        with socket.create_connection((host.address, host.data.get("ssh_port", 22)), timeout=seconds) as connection:
            connection.settimeout(seconds)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def silent(host: Host) -> float | None:
    """When (monotonic) the host was found not to answer; None if it answers, be it late: it is given SURE_SECONDS."""
    if answers(host):
        return None
    missed = time.monotonic()
    return None if answers(host, SURE_SECONDS) else missed


def _answered_at(host: Host) -> float | None:
    return time.monotonic() if answers(host) else None


def wait(host: Host, *, up: bool, seconds: float) -> float:
    """Wait until the host answers SSH, or no longer does; return the seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    look = _answered_at if up else silent
    while (moment := look(host)) is None:
        if time.monotonic() - began > seconds:
            state = "still answers SSH" if not up else "does not answer SSH"
            raise TimeoutError(f"{host.name} {state} after {seconds:g} s")
        time.sleep(0.05)
    return moment - began
