"""The last step of a deploy: the new passwords of rotated secrets are in use, so clients take them from now on.

Not in a deploy of some hosts alone (--limit): the others still have the old ones.
"""

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from firedrill.deploy import gate, topology
from firedrill.inventories import secrets


def rotated() -> None:
    """Record on this machine that all services have the new passwords."""
    gate.through()
    if topology.me() == topology.hosts()[0] and topology.complete():
        in_use(name="Take the rotated secrets into use", waiting=topology.rotated())


@operation()
def in_use(waiting: list[str]):
    """
    Replace the old passwords on this machine.

    + waiting: the names of the rotated secrets
    """
    if not waiting:
        host.noop("no secret was rotated")
        return
    yield FunctionCommand(secrets.carried, (topology.hosts()[0].data, topology.passwords()), {})
