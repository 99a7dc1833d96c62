"""Commands on a host over SSH, each with a deadline, as root: by sudo where the SSH user is an ordinary one.

Whatever the user's login shell is and prints: every command runs in `sh`, in the locale C, and what comes before MARK
is not its output.
"""

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import paramiko

from firedrill.cluster import host_keys, login, route
from firedrill.cluster.route import CONNECT_SECONDS as CONNECT_SECONDS
from firedrill.cluster.route import ERRORS as ERRORS
from firedrill.cluster.route import JumpDown as JumpDown
from firedrill.cluster.route import NoLogin as NoLogin
from firedrill.cluster.route import Unreachable as Unreachable
from firedrill.inventories import sudo
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Host

COMMAND_SECONDS = 30
RECOVERING_SECONDS = 120  # on a host that has just got its disk, network or processors back
QUICK_SECONDS = 0.5  # a host that answers later is slow, or silent
SURE_SECONDS = 2  # a host that answers later is taken as silent
WHY_SECONDS = 10
_WHY: dict[tuple[str, int], tuple[float, "Unreachable"]] = {}  # by address and port: when it was asked, what was found
MARK = "firedrill: the output of the command"
KEPT_OUT = (NoLogin, JumpDown)  # nothing was observed of the host
BY_SUDO = "firedrill: by sudo"
# What no shell treats specially within single quotes, nor `sh` within double quotes; all else is sent in octal.
PLAIN = re.compile(rb"[^A-Za-z0-9 ,./:;=@_+|&<>()\[\]{}~^?*#%-]")


class Connection:
    """An open connection to a host, whose commands run as root if the inventory has `sudo`."""

    def __init__(self, host: Host) -> None:
        self.host = host.address
        self.user = login.of(host).user
        self.sudo = bool(host.data.get("sudo"))
        self.password = sudo.password(host.data)
        self.accepted = False  # whether sudo took the password
        self.fabric = route.connection(login.of(host))

    @property
    def client(self) -> paramiko.SSHClient:
        client: paramiko.SSHClient = self.fabric.client
        return client

    def close(self) -> None:
        self.client.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def connect(host: Host) -> Connection:
    """An open connection that runs commands, with the login of the inventory. Raises Unreachable."""
    try:
        connection = Connection(host)
    except Problem as problem:
        raise _remembered(host, Unreachable(problem.cause, problem.remedy)) from None
    try:
        host_keys.apply(connection.client, host)
        to = login.of(host)
        route.log_in(connection.fabric, route.reach(to, CONNECT_SECONDS) if to.jumps or to.command else None)
        _prove_commands(connection)
    except (*ERRORS, ValueError, Problem) as error:
        connection.close()
        raise _remembered(host, _no_login(host, error)) from None
    return connection


def _prove_commands(connection: Connection) -> None:
    """Raises Problem unless it runs commands; those of sudo as root. A wrong password is tried once."""
    # PAM waits some seconds after a wrong password.
    seconds = COMMAND_SECONDS if connection.sudo else CONNECT_SECONDS
    shown = sh(connection, "id -u 2>&1", seconds=seconds, check=False)
    if connection.sudo and shown != "0":
        raise sudo.refused(connection.host, connection.user, f"`id -u` prints {shown!r}", connection.password)
    connection.accepted = True


def _no_login(host: Host, error: Exception) -> Unreachable:
    """Why there is no connection."""
    who = f"{host.name} ({host.address})"
    if isinstance(error, paramiko.BadHostKeyException):
        error = host_keys.changed(host, error)
    if isinstance(error, Problem):
        return error if isinstance(error, Unreachable) else NoLogin(error.cause, error.remedy)
    to = login.of(host)
    refused = isinstance(error, paramiko.AuthenticationException) or "authentication methods" in str(error)
    keys = to.keys if refused or "encountered" in str(error) else ()  # paramiko takes a locked key for another kind
    if locked := [key for key in keys if not to.passphrase and _has_passphrase(key)]:
        return NoLogin(
            f"no SSH login at {who}: the private key {locked[0]} has a passphrase",
            "add it to an agent (`ssh-add`) and leave out `ssh_key`, or set `ssh_key_password`",
        )
    if refused:
        kind = Unreachable if "timeout" in str(error).lower() else NoLogin  # a slow host was not heard
        return kind(f"{who} refuses the SSH login of {to.user} ({error})", "check `ssh_user` and `ssh_key`")
    if isinstance(error, ValueError | FileNotFoundError | PermissionError):  # of ours: a key that cannot be read
        return NoLogin(f"no SSH login at {who} ({error})", "check `ssh_key` and `ssh_known_hosts_file`")
    return Unreachable(f"{who} does not answer SSH ({error})", f"is it switched on, and is {to.port} its SSH port?")


def _has_passphrase(key: str) -> bool:
    try:
        paramiko.PKey.from_path(key)
    except (TypeError, paramiko.PasswordRequiredException):
        return True
    except (OSError, ValueError, paramiko.SSHException):
        return False
    return False


def why_not(host: Host) -> Unreachable:
    """Why a host that was found without a connection has none; asked again only after WHY_SECONDS."""
    asked, problem = _WHY.get(_key(host), (-WHY_SECONDS, None))
    if problem is None or time.monotonic() - asked > WHY_SECONDS:
        problem = _remembered(host, _ask_why(host))
    return problem


def _remembered(host: Host, problem: Unreachable) -> Unreachable:
    """So that a wrong password is not tried again only to name the cause."""
    _WHY[_key(host)] = time.monotonic(), problem
    return problem


def _key(host: Host) -> tuple[str, int]:
    return host.address, host.data.get("ssh_port") or 22


def _ask_why(host: Host) -> Unreachable:
    try:
        if answers(host):
            connect(host).close()
    except Problem as problem:
        return Unreachable(problem.cause, problem.remedy)
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
    begin = f'echo "{MARK}"; echo "{MARK}" >&2; LC_ALL=C; export LC_ALL'
    return f'exec sh -c \'{begin}; eval "$(printf %b "{_coded(command)}")"\''


def framed_as_root(command: str, password: str | None) -> str:
    """The same by sudo, which keeps nothing of the environment: SSH_CONNECTION comes as an argument."""
    lines = [
        f'{sudo.begin(password)}echo "{MARK}"; echo "{MARK}" >&2',
        "SSH_CONNECTION=$1 LC_ALL=C; export SSH_CONNECTION LC_ALL; shift",
        command,
    ]
    text = _coded("\n".join(lines))
    program = sudo.program(password)
    first = f'echo "{BY_SUDO}" >&2; LC_ALL=C; export LC_ALL'
    return f'exec sh -c \'{first}; exec {program} -c "$(printf %b "{text}")" sh "$SSH_CONNECTION"\''


def _coded(text: str) -> str:
    return PLAIN.sub(lambda found: b"\\0%03o" % found[0][0], text.encode()).decode()


def _short(command: str) -> str:
    first = command.strip().splitlines()[0]
    return first if first == command.strip() and len(first) < 200 else f"{first[:200]} ..."


class Running:
    """A running command. It uses the client of fabric's connection: each run by fabric costs 20 ms."""

    def __init__(self, connection: Connection, command: str, *, seconds: float = COMMAND_SECONDS) -> None:
        self.command = command
        self.connection = connection
        self.host = connection.host
        self._out = b""
        self._begun = False
        with self._unreachable_on_error():
            transport = connection.client.get_transport()
            if transport is None:
                raise EOFError("the connection is closed")
            self.seconds = seconds
            self.channel = self._open_session(transport)
            self.channel.settimeout(seconds)
            given = connection.password
            self.channel.exec_command(framed_as_root(command, given) if connection.sudo else framed(command))
            if given is not None:  # a further line would be a further attempt, where this one is refused
                self.channel.sendall((sudo.stdin(given) if connection.accepted else f"{given}\n").encode())

    def _open_session(self, transport: paramiko.Transport) -> paramiko.Channel:
        try:
            return transport.open_session(timeout=max(self.seconds, CONNECT_SECONDS))
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
        _, by_sudo, why = shown.decode(errors="replace").partition(f"{BY_SUDO}\n")
        if by_sudo:
            problem = sudo.refused(self.host, self.connection.user, why, self.connection.password)
            return Unreachable(problem.cause, problem.remedy)
        lines = shown.decode(errors="replace").strip().splitlines() or [f"exit {code}"]
        return Unreachable(
            f"{self.host}: SSH accepts the login but runs no command ({printable(lines[-1])[:200]})",
            "the user needs a login shell, and no ForceCommand in sshd_config or authorized_keys",
        )

    @contextmanager
    def _unreachable_on_error(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise Unreachable(
                f"{self.host}: nothing heard of `{_short(self.command)}` for {self.seconds:g} s", "is it switched on?"
            ) from None
        except ERRORS as error:
            cause = str(error) or type(error).__name__
            raise Unreachable(
                f"{self.host}: connection lost during `{_short(self.command)}` ({cause})", "is it switched on?"
            ) from None


def answers(host: Host, seconds: float = SURE_SECONDS) -> bool:
    """Whether something answers on the SSH port within `seconds`. Raises JumpDown where a jump host hides that."""
    try:
        with closing(route.reach(login.of(host), seconds)) as connection:
            connection.settimeout(seconds)
            return bool(connection.recv(4) == b"SSH-")
    except ERRORS:
        return False


def silent(host: Host) -> float | None:
    """When (monotonic) the host was found not to answer; None if it answers, be it late: it is given SURE_SECONDS.

    Raises JumpDown.
    """
    if answers(host, QUICK_SECONDS):
        return None
    missed = time.monotonic()
    return None if answers(host) else missed


def _answered_at(host: Host) -> float | None:
    return time.monotonic() if answers(host, QUICK_SECONDS) else None


def wait(host: Host, *, up: bool, seconds: float) -> float:
    """Wait until the host answers SSH, or no longer does; return the seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    look = _answered_at if up else silent
    while True:
        state = "does not answer SSH" if up else "still answers SSH"
        try:
            if (moment := look(host)) is not None:
                return moment - began
        except JumpDown as problem:
            state = f"cannot be watched: {problem.cause}"
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{host.name} {state} after {seconds:g} s")
        time.sleep(0.05)
