"""One deploy per cluster: locked on this machine, and on the first host of etcd or MySQL against other controllers.

Both locks end with this process, however it ends: the kernel releases the one, the closed connection the other.
"""

import shlex
from pathlib import Path
from typing import Any

import gevent
from pyinfra.connectors.ssh import SSHConnector

from firedrill.deploy import on_host, topology
from firedrill.deploy.as_root import AsRoot
from firedrill.inventories import drill_lock, sudo
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory

PROGRAM = Path(str(on_host.__file__)).parent / "lease.py"
DEPLOY = "deploy"
# The host gives the lock up if it hears nothing for so long; we speak more often.
SILENCE_S, EVERY_S = 90, 15
ANSWER_S = 10


def on_controller() -> None:
    """Refuse a second deploy, and one during a drill. Raises Problem. The locks end with this process."""
    drill_lock.take(Inventory(topology.path(), topology.hosts()), DEPLOY)


def on_host_of(target) -> None:
    """Refuse a deploy while that of another controller runs. Raises Problem."""
    connector = target.connector
    if not isinstance(connector, SSHConnector) or connector.client is None:
        return
    name = f"firedrill-deploy-{topology.hosts()[0].data['cluster']}"
    text = drill_lock.written(drill_lock.this_process(DEPLOY))
    run = "exec " + shlex.join(["python3", "-c", PROGRAM.read_text(), name, text, str(SILENCE_S)])
    stdin, stdout = _started(connector, run)
    stdout.channel.settimeout(ANSWER_S)
    try:
        answer = stdout.readline().strip()
    except OSError as error:
        answer = str(error)
    if answer.startswith("held "):
        holder = drill_lock.parsed(answer.removeprefix("held "))
        raise Problem(holder.running(f"this cluster, as {target.name} knows"), "wait until it has ended")
    if answer != "taken":
        raise Problem(f"{target.name}: the lock {name} cannot be taken ({answer or 'no answer'})", "try again")
    _held.append(gevent.spawn(_speak, stdin))


def _started(connector: SSHConnector, run: str) -> tuple[Any, Any]:
    """Run a text as root; its standard input and output."""
    client: Any = connector.client
    if not isinstance(connector, AsRoot):
        return client.exec_command(f"exec sh -c {shlex.quote(run)}")[:2]
    stdin, stdout, _ = client.exec_command(f"exec {sudo.command(run, connector.password)}")
    stdin.write(sudo.stdin(connector.password))
    stdin.flush()
    return stdin, stdout


_held: list[gevent.Greenlet] = []


def _speak(stdin) -> None:
    """Until this process or the connection ends."""
    try:
        while True:
            gevent.sleep(EVERY_S)
            stdin.write(b"\n")
            stdin.flush()
    except OSError:
        return
