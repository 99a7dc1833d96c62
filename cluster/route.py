"""The way to a host's SSH port: directly, through jump hosts, or through a ProxyCommand.

A connection to a jump host is shared by all hosts behind it, so that its MaxStartups does not matter. A host behind one
that does not answer is silent only if the jump host itself answers; otherwise nothing is known.
"""

import contextlib
import logging
import os
import socket
import threading
from typing import Any

import paramiko
from fabric import Config, Connection

from firedrill.cluster import host_keys
from firedrill.cluster.login import Login
from firedrill.inventories.errors import Problem

CONNECT_SECONDS = 5
ERRORS = (OSError, EOFError, paramiko.SSHException)
# Its errors become ours; unhandled, it would print them, too.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
# By process, since a forked one must not use the connection of its parent.
_shared: dict[tuple[int, tuple[Login, ...]], paramiko.SSHClient] = {}
_lock = threading.Lock()


class Unreachable(Problem):
    """A host does not answer SSH, refuses the login, or runs no commands; `cause` tells which."""


class NoLogin(Unreachable):
    """A host that cannot be verified, or refuses the login: nothing is known about it."""


class JumpDown(Unreachable):
    """A jump host cannot be passed, so nothing is known about the hosts behind it."""


class _Proxy(paramiko.ProxyCommand):
    """A ProxyCommand that is gone when it is closed: paramiko's stays as a zombie."""

    def close(self) -> None:
        if self.closed:
            return
        with contextlib.suppress(ProcessLookupError):
            super().close()
        self.process.wait()
        for pipe in filter(None, (self.process.stdin, self.process.stdout, self.process.stderr)):
            pipe.close()


def _proxied(command: str) -> _Proxy:
    try:
        return _Proxy(command)
    except (OSError, ValueError) as error:
        raise JumpDown(f"the ProxyCommand {command!r} cannot be run ({error})", "correct it in ~/.ssh/config") from None


def reach(to: Login, seconds: float) -> Any:
    """A socket, or what acts like one, that is connected to the SSH port. Raises one of ERRORS, JumpDown, Problem."""
    if to.command:
        return _proxied(to.command)
    if not to.jumps:
        return socket.create_connection((to.address, to.port), timeout=seconds)
    jump = _to(to.jumps)
    try:
        return _channel(jump, to, seconds)
    except paramiko.ChannelException as error:
        if error.code == paramiko.common.OPEN_FAILED_CONNECT_FAILED:
            raise
        raise JumpDown(
            f"the jump host {to.jumps[-1]} forwards no connections ({error})", "allow AllowTcpForwarding there"
        ) from None
    except (*ERRORS, TimeoutError):
        _prove(to.jumps, jump)
        raise


def connection(to: Login) -> Connection:
    """A connection that is not open yet; its `client` is to be told first which host keys it accepts."""
    return Connection(
        to.address,
        user=to.user,
        port=to.port,
        gateway=False,  # of ours, see reach
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs={
            "password": to.password,
            "passphrase": to.passphrase,
            "key_filename": list(to.keys),
            "allow_agent": to.agent,
            "look_for_keys": to.look_for_keys,
            "banner_timeout": CONNECT_SECONDS,
            "auth_timeout": CONNECT_SECONDS,
        },
        config=Config(overrides={"load_ssh_configs": False}),  # of ours, see login.py
    )


def log_in(unopened: Connection, through: Any) -> None:
    """Log in, over a socket if one is given. Raises one of ERRORS."""
    if through:
        unopened.connect_kwargs["sock"] = through
    unopened.open()


def _channel(client: paramiko.SSHClient, to: Login, seconds: float) -> paramiko.Channel:
    transport = client.get_transport()
    if transport is None or not transport.is_active():
        raise EOFError("the connection is closed")
    return transport.open_channel("direct-tcpip", (to.address, to.port), ("127.0.0.1", 0), timeout=seconds)


def _to(jumps: tuple[Login, ...]) -> paramiko.SSHClient:
    """The shared connection to the last of these jump hosts. Raises JumpDown."""
    with _lock:
        key = os.getpid(), jumps
        found = _shared.get(key)
        transport = found and found.get_transport()
        if not (found and transport and transport.is_active()):
            _shared[key] = found = _opened(jumps)
        return found


def _opened(jumps: tuple[Login, ...]) -> paramiko.SSHClient:
    client: paramiko.SSHClient | None = None
    through = None
    for jump in jumps:
        try:
            through = _channel(client, jump, CONNECT_SECONDS) if client else None
            opened = connection(jump)
            client = opened.client
            host_keys.apply_to_jump(client, jump)
            log_in(opened, through)
        except (*ERRORS, ValueError, Problem) as error:
            cause = error.cause if isinstance(error, Problem) else error or type(error).__name__
            remedy = error.remedy if isinstance(error, Problem) else f"does `ssh {jump}` work on this machine?"
            raise JumpDown(f"no SSH login at the jump host {jump} ({cause})", remedy) from None
    assert client
    return client


def _prove(jumps: tuple[Login, ...], client: paramiko.SSHClient) -> None:
    """Raises JumpDown unless the jump host answers: any answer will do, also that it connects to nothing there."""
    try:
        with contextlib.suppress(paramiko.ChannelException):
            transport = client.get_transport()
            assert transport
            transport.open_channel("direct-tcpip", ("127.0.0.1", 9), ("127.0.0.1", 0), timeout=CONNECT_SECONDS).close()
    except ERRORS as error:
        client.close()
        raise JumpDown(
            f"the jump host {jumps[-1]} does not answer any more ({error or type(error).__name__})",
            "is it switched on?",
        ) from None
