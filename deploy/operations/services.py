"""Keep a systemd unit enabled and running, and apply a changed configuration: one fact and few commands."""

from collections.abc import Sequence

from pyinfra import host, state
from pyinfra.api import FactBase, StringCommand, operation
from pyinfra.api.operation import OperationMeta


class UnitState(FactBase[dict[str, str]]):
    """ActiveState, UnitFileState and NeedDaemonReload of a unit."""

    default = dict

    def command(self, unit: str) -> str:
        return f"systemctl show --property ActiveState,UnitFileState,NeedDaemonReload {unit}"

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(line.split("=", 1) for line in output if "=" in line)


def _changed(operations: Sequence[OperationMeta]) -> bool:
    # Nothing has changed yet during planning.
    return state.is_executing and any(one.did_change() for one in operations)


@operation()
def running(unit: str, changed: Sequence[OperationMeta] = (), verb: str = "reload"):
    """
    Enable a unit at boot and start it. If it runs and its configuration changed, reload it.

    + unit: the unit's name
    + changed: operations whose change requires `verb` on a running unit
    + verb: reload or restart
    """
    found = host.get_fact(UnitState, unit=unit)
    if found.get("NeedDaemonReload") == "yes":
        yield StringCommand("systemctl daemon-reload")
    if found.get("UnitFileState") != "enabled":
        yield StringCommand(f"systemctl enable --quiet {unit}")
    # systemd refuses to start a unit that failed too often; a deploy is a new attempt.
    if found.get("ActiveState") not in ("active", "activating", "reloading"):
        yield StringCommand(f"systemctl reset-failed {unit} 2>/dev/null; systemctl start {unit}")
    elif _changed(changed):
        yield StringCommand(f"systemctl {verb} {unit}")
