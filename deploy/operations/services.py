"""Keep a systemd unit enabled and running, and apply a changed configuration: one fact and few commands.

Whether a unit has taken up its changed files is read from the host (files.UNAPPLIED), not remembered by this process:
a deploy that was killed in between is continued by the next one.
"""

from collections.abc import Sequence

from pyinfra import host, state
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy.operations.files import UNAPPLIED, Written

RUNNING = ("active", "activating", "reloading")
AT_START = ""


class UnitState(FactBase[dict[str, str]]):
    """ActiveState, UnitFileState and NeedDaemonReload of a unit; Unapplied if it has not taken up changed files."""

    default = dict

    def command(self, unit: str) -> str:
        show = f"systemctl show --property ActiveState,UnitFileState,NeedDaemonReload {unit}"
        return f"{show}; if [ -e {UNAPPLIED}/{unit} ]; then echo Unapplied=yes; fi"

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(line.split("=", 1) for line in output if "=" in line)


@operation()
def running(unit: str, changed: Sequence[Written] = (), verb: str = "reload"):
    """
    Enable a unit at boot and start it. If it runs and its configuration changed, reload it.

    + unit: the unit's name
    + changed: operations (files.write) whose change requires `verb` on a running unit
    + verb: reload or restart; AT_START leaves the change to a later `applied`
    """
    found = host.get_fact(UnitState, unit=unit)
    if found.get("NeedDaemonReload") == "yes":
        yield StringCommand("systemctl daemon-reload")
    if found.get("UnitFileState") != "enabled":
        yield StringCommand(f"systemctl enable --quiet {unit}")
    # systemd refuses to start a unit that failed too often; a deploy is a new attempt.
    if found.get("ActiveState") not in RUNNING:
        yield _noted(unit, f"systemctl reset-failed {unit} 2>/dev/null; systemctl start {unit}")
    elif verb and _unapplied(unit, found, changed):
        yield _noted(unit, f"systemctl {verb} {unit}")


@operation()
def applied(unit: str, changed: Sequence[Written], verb: str, then: str = "true"):
    """
    Reload or restart a unit that runs with an older configuration.

    + unit: the unit's name
    + changed: operations (files.write) whose change requires `verb`
    + verb: reload or restart
    + then: a command that must succeed before the next host's turn
    """
    found = host.get_fact(UnitState, unit=unit)
    if found.get("ActiveState") in RUNNING and _unapplied(unit, found, changed):
        yield _noted(unit, f"systemctl {verb} {unit} && {then}")
    else:
        host.noop(f"{unit} runs with its current configuration")


def _noted(unit: str, command: str) -> StringCommand:
    return StringCommand(f"{command} && rm -f {UNAPPLIED}/{unit}")


def _unapplied(unit: str, found: dict[str, str], changed: Sequence[Written]) -> bool:
    """Whether the unit has not taken up its files; in a plan also whether they are about to change."""
    if undeclared := [one for one in changed if unit not in one.units]:
        raise ValueError(f"files.write without units=[{unit!r}], but {unit} depends on it: {undeclared}")
    return found.get("Unapplied") == "yes" or (not state.is_executing and any(one.will_change for one in changed))
