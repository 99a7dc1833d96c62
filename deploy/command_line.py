"""How pyinfra ends where no deploy runs that could say why: wrong arguments, a bad inventory, no host, Ctrl-C.

By itself it exits with 1, often with a traceback, and with 0 after Ctrl-C and where it finds no host to deploy to.
`watch` must be called before it connects: by a config.py in the working folder, as there is one in this project's, or
by a module that is named as a function.
"""

import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
import gevent
from pyinfra import logger, state
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from firedrill.deploy import topology
from firedrill.deploy.preflight import reach
from firedrill.deploy.preflight.finding import REPORT, Finding, as_json, lines
from firedrill.deploy.refused import Refused, refusing
from firedrill.inventories.errors import INTERRUPTED
from firedrill.inventories.printable import printable

WATCHED = __name__


def watch() -> None:
    """Refuse wrong arguments now, and say at the end why no deploy began. Does nothing outside pyinfra's command."""
    context = click.get_current_context(silent=True)
    if context is None or not {"inventory", "operations", "data"} <= context.params.keys() or WATCHED in context.meta:
        return
    context.meta[WATCHED] = True
    refuse_arguments(context.params)
    logger.addHandler(_printed)
    context.call_on_close(lambda: at_the_end(context.params))
    signal.signal(signal.SIGINT, interrupted)
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, PyinfraError, ValueError)  # raised again where pyinfra waits for its hosts


class Printed(logging.Handler):
    """What pyinfra printed: why it could not connect to a host."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(click.unstyle(record.getMessage()))


_printed = Printed()


def unreached() -> list[Finding]:
    """The hosts that pyinfra could not connect to, with the causes that it printed."""
    failed = {topology.plain(host.name) for host in state.failed_hosts}
    hosts = [host for host in topology.hosts() if host.name in failed]
    why = reach.causes("\n".join(_printed.lines))
    return reach.unreached(hosts, topology.path(), why, every=not state.activated_hosts)


def refuse_arguments(given: Mapping[str, Any]) -> None:
    """What pyinfra answers with a traceback, or takes for a host's name. Raises Refused."""
    for word in given["data"]:
        if "=" not in word:
            raise Refused(printable(f"--data {word} has no value: write --data {word}=VALUE"))
    file = given["inventory"]
    if file.endswith(".py") and not Path(file).is_file():
        raise Refused(printable(f"no inventory file {file}: name one, such as inventories/vms.py"))


def at_the_end(given: Mapping[str, Any]) -> None:
    """Raises Refused if no deploy began, with the cause."""
    stage = state.current_stage if ctx_state.isset() else StateStage.Setup
    error = sys.exc_info()[1]
    if isinstance(error, Refused):
        return
    if stage > StateStage.Connect:
        _refuse_nobody(given)
        if isinstance(getattr(error, "exception", None), EOFError):
            raise Refused("the changes are to be confirmed, and there is no terminal: add -y") from None
    elif isinstance(error, click.ClickException):
        if stage == StateStage.Connect and state.failed_hosts:
            refusing(_refuse_unreached)
        raise Refused(printable(f"{_cause(error)}: correct the inventory or the SSH configuration")) from None


def _refuse_nobody(given: Mapping[str, Any]) -> None:
    if not state.activated_hosts:
        options = [f"--{option} {name}" for option in ("limit", "exclude") for name in given[option]]
        chosen = f" ({', '.join(options)})" if options else ""
        cause = f"no host of {given['inventory']} takes part{chosen}"
        raise Refused(printable(f"{cause}: name hosts or roles of the inventory"))


def _cause(error: click.ClickException) -> str:
    """What pyinfra met, in one line: without the traceback of an inventory or of `~/.ssh/config`."""
    met = getattr(error, "exception", error)
    text = str(met) if isinstance(met, PyinfraError | click.ClickException) else f"{type(met).__name__}: {met}"
    file = getattr(error, "filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(met.__traceback__) if frame.filename == file]
    place = f"{file} cannot be read, line {lines[-1]}" if lines else file and f"{file} cannot be read"
    return f"{place} ({text})" if place else text


def _refuse_unreached() -> None:
    found = unreached()
    if file := os.environ.get(REPORT):
        Path(file).write_text(json.dumps(as_json(found)))
    raise Refused("\n".join(lines(found)))


def interrupted(*_: object) -> NoReturn:
    """Ctrl-C: what runs on a host is completed there, or by the next deploy."""
    print("deploy: interrupted: run it again, which completes it", file=sys.stderr)
    sys.exit(INTERRUPTED)
