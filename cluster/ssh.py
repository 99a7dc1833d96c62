"""Commands on a host over SSH, each with a deadline.

Whatever the user's login shell is and prints: every command runs in `sh`, in the locale C, and what comes before MARK
is not its output.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from fabric import Connection as Connection

from firedrill.cluster import host_keys
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Host

CONNECT_SECONDS = 5
COMMAND_SECONDS = 30
SURE_SECONDS = 2
WHY_SECONDS = 10
_WHY: dict[tuple[str, int], tuple[float, "Unreachable"]] = {}  # by address and port: when it was asked, what was found
MARK = "firedrill: the output of the command"
# What no shell treats specially within single quotes, nor `sh` within double quotes; all else is sent in octal.
PLAIN = re.compile(rb"[^A-Za-z0-9 ,./:;=@_+|&<>()\[\]{}~^?*#%-]")
ERRORS = (OSError, EOFError, paramiko.SSHException)


class Unreachable(Problem):
    """A host that does not answer SSH, or lets us run nothing; `cause` says which."""


def connect(host: Host) -> Connection:
    """An open connection that runs commands, with the user, port and keys of the inventory. Raises Unreachable."""
    options = {"key_filename": str(Path(host.data["ssh_key"]).expanduser())} if host.data.get("ssh_key") else {}
    connection = Connection(
        host.address,
        user=host.data["ssh_user"],
        port=host.data.get("ssh_port", 22),
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs=options | {"banner_timeout": CONNECT_SECONDS, "auth_timeout": CONNECT_SECONDS},
    )
    try:
        host_keys.apply(connection.client, host)
        connection.open()
        sh(connection, "true", seconds=CONNECT_SECONDS)
    except (*ERRORS, ValueError, Problem) as error:
        connection.close()
        raise _no_login(host, error) from None
    return connection


def _no_login(host: Host, error: Exception) -> Unreachable:
    """Why there is no connection."""
    who = f"{host.name} ({host.address})"
    if isinstance(error, paramiko.BadHostKeyException):
        error = host_keys.changed(host, error)
    if isinstance(error, Problem):
        return Unreachable(error.cause, error.remedy)
    if isinstance(error, paramiko.AuthenticationException) or "authentication methods" in str(error):  # none to try
        return Unreachable(
            f"{who} refuses the SSH login of {host.data['ssh_user']} ({error})", "check `ssh_user` and `ssh_key`"
        )
    if isinstance(error, ValueError | FileNotFoundError | PermissionError):  # of ours: a key that cannot be read
        return Unreachable(f"no SSH login at {who} ({error})", "check `ssh_key` and `ssh_known_hosts_file`")
    return Unreachable(f"{who} does not answer SSH ({error})", "is it switched on?")


def why_not(host: Host) -> Unreachable:
    """Why a host that was found without a connection has none; asked again only after WHY_SECONDS."""
    key, now = (host.address, host.data.get("ssh_port", 22)), time.monotonic()
    asked, problem = _WHY.get(key, (-WHY_SECONDS, None))
    if problem is None or now - asked > WHY_SECONDS:
        problem = _ask_why(host)
        _WHY[key] = now, problem
    return problem


def _ask_why(host: Host) -> Unreachable:
    if answers(host, SURE_SECONDS):
        try:
            connect(host).close()
        except Unreachable as problem:
            return problem
    return Unreachable(f"{host.name} does not answer SSH", "is it on?")


def sh(
    connection: Connection, command: str, *, stdin: str = "", seconds: float = COMMAND_SECONDS, check: bool = True
) -> str:
    """Run a command and return its output, stripped. Raises Problem if it fails, unless `check` is false."""
    running = Running(connection, command, seconds=seconds)
    running.send(stdin, last=True)
    out, errors, code = running.end()
    if check and code:
        cause = printable((errors.strip() or out.strip() or f"exit {code}").splitlines()[-1])
        raise Problem(f"{connection.host}: `{_short(command)}` failed ({cause})", "fix the cause and try again")
    return out.strip()


def script(connection: Connection, text: str, *, seconds: float = COMMAND_SECONDS, check: bool = True) -> str:
    """Run a shell script of any length: it is sent on standard input, not as an argument."""
    return sh(connection, "sh", stdin=text, seconds=seconds, check=check)


def framed(command: str) -> str:
    """The command as every login shell (bash, dash, fish, csh) passes it on to `sh`; its output begins after MARK."""
    coded = PLAIN.sub(lambda found: b"\\0%03o" % found[0][0], command.encode()).decode()
    begin = f'echo "{MARK}"; echo "{MARK}" >&2; LC_ALL=C; export LC_ALL'
    return f'exec sh -c \'{begin}; eval "$(printf %b "{coded}")"\''


def _short(command: str) -> str:
    first = command.strip().splitlines()[0]
    return first if first == command.strip() and len(first) < 200 else f"{first[:200]} ..."


class Running:
    """A command that is running on a host. It uses paramiko directly: each run by fabric costs 20 ms."""

    def __init__(self, connection: Connection, command: str, *, seconds: float = COMMAND_SECONDS) -> None:
        self.command = command
        self.host = connection.host
        self._out = b""
        self._begun = False
        with self._unreachable_on_error():
            transport = connection.client.get_transport()
            if transport is None:
                raise EOFError("the connection is closed")
            self.channel = self._open_session(transport)
            self.channel.settimeout(seconds)
            self.channel.exec_command(framed(command))

    def _open_session(self, transport: paramiko.Transport) -> paramiko.Channel:
        try:
            return transport.open_session(timeout=CONNECT_SECONDS)
        except paramiko.ChannelException as error:
            raise Unreachable(
                f"{self.host}: sshd refuses a further session on an open connection ({error})",
                "raise MaxSessions in its sshd_config, at least to 2",
            ) from None

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
            while b"\n" not in self._out or not self._begun:
                if not (piece := self.channel.recv(4096)):
                    break
                self._receive(piece)
            first, _, self._out = self._out.partition(b"\n")
            return first.decode(errors="replace") if self._begun else ""

    def end(self) -> tuple[str, str, int]:
        """Wait until it ends; return its output, its errors, its exit code."""
        with self._unreachable_on_error(), self.channel:
            pieces, errors = [], b""
            while piece := self.channel.recv(65536):
                pieces.append(piece)
            while piece := self.channel.recv_stderr(65536):
                errors += piece
            self._receive(b"".join(pieces))
            code = self.channel.recv_exit_status()
            if not self._begun and code == -1:
                raise EOFError("the connection was closed")
        if not self._begun:
            raise self._no_shell(self._out + errors, code)
        errors = errors.partition(f"{MARK}\n".encode())[2]
        return self._out.decode(errors="replace"), errors.decode(errors="replace"), code

    def _receive(self, piece: bytes) -> None:
        """Add to the output; what comes before MARK is not part of it."""
        self._out += piece
        if not self._begun:
            _, mark, rest = self._out.partition(f"{MARK}\n".encode())
            self._begun, self._out = bool(mark), rest if mark else self._out

    def _no_shell(self, shown: bytes, code: int) -> Unreachable:
        """The error where the login ran something other than our command."""
        lines = shown.decode(errors="replace").strip().splitlines() or [f"exit {code}"]
        return Unreachable(
            f"{self.host}: SSH accepts the login but runs no command ({printable(lines[-1])[:200]})",
            "the user needs a login shell, and no ForceCommand in sshd_config or authorized_keys",
        )

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
