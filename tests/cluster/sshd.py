"""An SSH server in this process: it lets anybody in, runs commands in a shell, and forwards connections."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paramiko

from firedrill.inventories.read import Host

# sudo in miniature: it asks three times, keeps nothing of the environment, and writes down what it was given.
SUDO = """\
#!/bin/sh
printf '%s\\n' "$@" >> {log}/arguments; env >> {log}/environment
want() {{ echo "[sudo] lecture: think before you type" >&2
  for try in 1 2 3; do
    IFS= read -r line || {{ echo 'sudo: a password is required' >&2; exit 1; }}
    printf '%s\\n' "$line" >> {log}/tries
    [ "$line" = "$(cat {log}/password)" ] && return
    echo 'Sorry, try again.' >&2
  done
  echo "sudo: 3 incorrect password attempts" >&2; exit 1; }}
said=$(cat {log}/says 2>/dev/null) && [ -n "$said" ] && {{ echo "$said" >&2; exit 1; }}
while [ "$1" != -- ]; do case $1 in
  -n) [ ! -f {log}/password ] || {{ echo 'sudo: a password is required' >&2; exit 1; }} ;;
  -S) [ ! -f {log}/password ] || want ;;
  -p) shift ;;
esac; shift; done; shift
exec env -i HOME=/root PATH="$PATH" LANG=xx "$@"
"""


def small_sudo(folder: Path) -> Path:
    """Put it in a folder `bin`. Returns its own folder: `password` is the one it wants, `says` why it refuses."""
    log, program = folder / "log", folder / "bin" / "sudo"
    log.mkdir()
    program.parent.mkdir()
    program.write_text(SUDO.format(log=log))
    program.chmod(0o755)
    return log


class Session(paramiko.ServerInterface):
    """One connection."""

    def __init__(self, server: "Sshd") -> None:
        self.server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        self.server.logins.append(username)
        return paramiko.AUTH_SUCCESSFUL if self.server.open else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.server.logins.append(username)
        return paramiko.AUTH_SUCCESSFUL if self.server.open else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: Any) -> int:
        if not self.server.forwards:
            return paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        try:
            far = socket.create_connection(destination, timeout=5)
        except OSError:
            return paramiko.OPEN_FAILED_CONNECT_FAILED
        self.server.forwarded.append(destination)
        self.server.waiting[chanid] = far
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self.server.run, args=(channel, command.decode()), daemon=True).start()
        return True


class Sshd:
    """The server: `environment` is that of its commands, `shell` the login shell."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None, shell: str = "sh") -> None:
        self.environment, self.shell, self.open, self.forwards = dict(environment or {}), shell, True, True
        self.logins: list[str] = []
        self.commands: list[str] = []
        self.forwarded: list[Any] = []
        self.waiting: dict[int, socket.socket] = {}
        self.transports: list[paramiko.Transport] = []
        self.key = paramiko.ECDSAKey.generate()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.known_hosts = folder / "known_hosts"
        threading.Thread(target=self._serve, daemon=True).start()

    def host(self, **data: Any) -> Host:
        known = {"ssh_user": "drill", "ssh_port": self.port, "ssh_password": "x", "ssh_allow_agent": False}
        return Host("db1", "127.0.0.1", ("postgres",), known | {"ssh_known_hosts_file": str(self.known_hosts)} | data)

    def _serve(self) -> None:
        while True:
            try:
                link = self.listener.accept()[0]
            except OSError:
                return
            transport = paramiko.Transport(link)
            transport.add_server_key(self.key)
            self.transports.append(transport)
            threading.Thread(target=self._talk, args=[transport], daemon=True).start()

    def _talk(self, transport: paramiko.Transport) -> None:
        try:
            transport.start_server(server=Session(self))
        except (paramiko.SSHException, EOFError, OSError):
            return
        while transport.is_active():
            channel = transport.accept(0.2)
            if channel is not None and (far := self.waiting.pop(channel.get_id(), None)):
                for one, other in ((channel, far), (far, channel)):
                    threading.Thread(target=_pump, args=(one, other), daemon=True).start()

    def run(self, channel: paramiko.Channel, command: str) -> None:
        self.commands.append(command)
        environment = os.environ | {"SSH_CONNECTION": "192.0.2.7 5022 192.0.2.8 22"} | self.environment
        with subprocess.Popen(
            [self.shell, "-c", command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        ) as it:  # fmt: skip
            assert it.stdin and it.stdout and it.stderr
            feeding = threading.Thread(target=_feed, args=(channel, it.stdin), daemon=True)
            errors = threading.Thread(target=_copy, args=(it.stderr, channel.sendall_stderr))
            feeding.start()
            errors.start()
            _copy(it.stdout, channel.sendall)
            errors.join()
            channel.send_exit_status(it.wait())
            channel.close()
            feeding.join()

    def drop(self) -> None:
        """End all connections, and take no further one."""
        with contextlib.suppress(OSError):  # closed already
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for transport in self.transports:
            transport.close()


def _feed(channel: paramiko.Channel, to: Any) -> None:
    try:
        while piece := channel.recv(4096):
            to.write(piece)
            to.flush()
    except OSError:
        pass
    with contextlib.suppress(OSError):
        to.close()


def _copy(out: Any, send: Any) -> None:
    while piece := out.read1(4096):
        try:
            send(piece)
        except OSError:
            return


def _pump(one: Any, other: Any) -> None:
    try:
        while piece := one.recv(4096):
            other.sendall(piece)
    except OSError:
        pass
    other.close()
