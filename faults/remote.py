"""Commands on a host over SSH, with deadlines: one connection a host, opened when first used."""

import os
import socket
import time
from pathlib import Path

import paramiko
from fabric import Connection
from invoke.exceptions import CommandTimedOut

from inventories.errors import Problem
from inventories.read import Host

CONNECT_SECONDS = 5
COMMAND_SECONDS = 30
ERRORS = (OSError, EOFError, paramiko.SSHException, CommandTimedOut)


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


def sh(connection: Connection, command: str, *, seconds: float = COMMAND_SECONDS, check: bool = True) -> str:
    """Run a command and return what it printed, stripped. Raises Problem when it fails and `check`."""
    try:
        done = connection.run(command, hide=True, warn=True, timeout=seconds, in_stream=False)
    except ERRORS as error:
        raise Unreachable(f"{connection.host} broke off `{command}` ({error})", "is it on?") from None
    if check and done.failed:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.exited}").splitlines()[-1]
        raise Problem(f"{connection.host}: `{command}` failed ({said})", "mend the cause and inject it again")
    return done.stdout.strip()


def answers(host: Host, seconds: float = 0.5) -> bool:
    """Whether something answers on the host's SSH port."""
    try:
        with socket.create_connection((host.address, host.data.get("ssh_port", 22)), timeout=seconds) as connection:
            connection.settimeout(seconds)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def wait(host: Host, *, up: bool, seconds: float) -> float:
    """Wait until the host answers SSH, or no longer does; return the seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    while answers(host) != up:
        if time.monotonic() - began > seconds:
            state = "answers SSH still" if not up else "does not answer SSH"
            raise TimeoutError(f"{host.name} {state} after {seconds:g} s")
        time.sleep(0.05)
    return time.monotonic() - began
