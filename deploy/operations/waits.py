"""Wait until the cluster is in a state, with a deadline, on the host itself.

A wait is an operation that changes nothing when the state is there already. Otherwise the host polls
(`firedrill-check`, see deploy/on_host/check.py), and past the deadline says what it waited for, for how long,
what it found last, and the last errors in the journal of the service that held it up.
"""

import json

from pyinfra import host
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

COMMAND = "/usr/local/sbin/firedrill-check"


class Holds(FactBase[bool]):
    """Whether a check holds now; False where the host does not have the checks yet."""

    default = bool

    def command(self, check: str, arguments: str) -> StringCommand:
        ask = StringCommand(COMMAND, check, QuoteString(arguments))
        return StringCommand("if [ -x", COMMAND, "] &&", ask, ">/dev/null 2>&1; then echo yes; else echo no; fi")

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]


@operation()
def until(check: str, seconds: float, service: str, **arguments):
    """
    Wait until a check holds on this host.

    + check: one of deploy/on_host/check.py's
    + seconds: the deadline
    + service: the unit whose journal explains a wait in vain
    + arguments: what the check needs to know
    """
    text = json.dumps(arguments, sort_keys=True)
    if host.get_fact(Holds, check=check, arguments=text):
        host.noop(f"{check} holds already")
        return
    yield StringCommand(COMMAND, check, QuoteString(text), f"--seconds {seconds:g} --service {service}")


@operation()
def milestone():
    """
    Hold all hosts together: pyinfra keeps the order of each host's operations, not that between hosts of
    different roles, unless they share one.
    """
    yield from ()
