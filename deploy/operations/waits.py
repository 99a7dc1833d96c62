"""Wait until the cluster is in a state, with a deadline, on the host itself.

A wait is an operation without a change if the state holds already. Otherwise the host polls (`firedrill-check`, see
deploy/on_host/check.py). Past the deadline it reports what it waited for, for how long, what it found last, and the
last errors in the journal of the responsible service.
"""

import json

from pyinfra import host
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

COMMAND = "/usr/local/sbin/firedrill-check"


class Holds(FactBase[bool]):
    """Whether a check holds now; False if the check program is not installed yet."""

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

    + check: the name of a check in deploy/on_host/check.py
    + seconds: the deadline
    + service: the unit whose journal is shown past the deadline
    + arguments: the parameters of the check
    """
    text = json.dumps(arguments, sort_keys=True)
    if host.get_fact(Holds, check=check, arguments=text):
        host.noop(f"{check} holds already")
        return
    yield StringCommand(COMMAND, check, QuoteString(text), f"--seconds {seconds:g} --service {service}")


@operation()
def milestone():
    """
    Synchronise all hosts. pyinfra orders the operations of each host, but not between hosts of different roles
    unless they share an operation.
    """
    yield from ()
