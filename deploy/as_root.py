"""Root by sudo for a deploy, where the inventory has `sudo`: all commands, with the password on standard input.

pyinfra's own `_sudo_password` would be on a command line of the host (`env PYINFRA_SUDO_PASSWORD=...`).
"""

import functools
import threading
from typing import Any

import gevent
from pyinfra import state
from pyinfra.api import StringCommand
from pyinfra.connectors.ssh import SSHConnector
from typing_extensions import override

from firedrill.deploy import topology
from firedrill.deploy.refused import Refused
from firedrill.inventories import sudo
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable


class AsRoot(SSHConnector):
    """pyinfra's SSH connector, whose commands run by sudo. It takes over the connection that there is."""

    def __init__(self, target: Any, data: dict[str, Any]) -> None:
        super().__init__(target.state, target)
        self.client: Any = target.connector.client
        transport = self.client.get_transport()
        self.user = data.get("ssh_user") or (transport.get_username() if transport else "")
        self.password = sudo.password(data)

    @override
    def run_shell_command(
        self, command: StringCommand, print_output: bool = False, print_input: bool = False, **arguments: Any
    ) -> Any:
        text = StringCommand(sudo.begin(self.password), command)
        return super().run_shell_command(text, print_output, print_input, **self._by_sudo(arguments))

    def _by_sudo(self, arguments: dict[str, Any]) -> dict[str, Any]:
        shell = {"_shell_executable": sudo.program(self.password)}
        if self.password is None:
            return arguments | shell
        own = arguments.get("_stdin") or []
        return arguments | shell | {"_stdin": [sudo.stdin(self.password), *([own] if isinstance(own, str) else own)]}

    def prove(self) -> None:
        """Raises Problem unless sudo makes it root. A wrong password is tried once."""
        given: Any = {} if self.password is None else {"_stdin": [self.password]}
        # pyinfra would ask on the terminal if it knew the line again.
        text = f"env LC_ALL=C {sudo.command('id -u', self.password)} 2>&1 | sed 's/^/| /'"
        _, output = super().run_shell_command(StringCommand(text), **given)
        shown = "\n".join(line.removeprefix("| ") for line in output.output_lines)
        if shown.splitlines()[-1:] != ["0"]:
            raise sudo.refused(self.host.name, self.user, shown, self.password)


def as_root() -> None:
    """Have all hosts run commands as root. Exits 2 with what sudo refuses, on each host, before any change."""
    with _one_at_a_time:
        refusal = _all_as_root()
    if refusal:
        raise Refused(refusal)


_one_at_a_time = threading.Lock()


@functools.cache
def _all_as_root() -> str:
    """pyinfra calls a deploy for each host: the first call does the work. Returns what sudo refuses, or nothing."""
    try:
        data = {host.name: host.data for host in topology.hosts()}
    except Problem as problem:
        return printable(problem)
    targets = [
        (target, data[topology.plain(target.name)])
        for target in state.inventory.get_active_hosts()
        if isinstance(target.connector, SSHConnector) and data[topology.plain(target.name)].get("sudo")
    ]
    asked = [gevent.spawn(_become, *target) for target in targets]
    gevent.joinall(asked)
    return "\n".join(dict.fromkeys(printable(found) for one in asked if (found := one.get())))


def _become(target: Any, data: dict[str, Any]) -> Problem | None:
    try:
        connector = AsRoot(target, data)
        connector.prove()
    except Problem as problem:
        return problem
    target.connector = connector
    return None
