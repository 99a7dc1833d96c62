"""What a host needs to let us in and to undo a fault by itself. systemd is asked for it: no list of names can be right.

Vital are the units of our own login (sshd, its socket, its slice), the timers, D-Bus, logind, and all that these depend
on; then the providers of the network, and transient units of ours.
"""

import re
from collections.abc import Iterable

from firedrill.cluster import ssh
from firedrill.faults.protocol import Refused, Target

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.@-]{0,254}")
STOPPABLE = (".service", ".socket", ".timer", ".path")
# In addition to our login: the timers of the undo, and what logins of others and systemctl go through.
ROOTS = ("timers.target", "-.slice", "init.scope", "dbus.socket", "systemd-logind.service")
# Which units a unit cannot do without: if one of them stops, the unit stops too, or is not started again.
STRONG = ("Requires", "Requisite", "BindsTo", "PartOf", "Slice", "TriggeredBy")
LOOK = """\
pid=$$
while [ "${pid:-0}" -gt 1 ]; do
  sed 's/.*/login &/' /proc/$pid/cgroup
  pid=$(sed 's/.*) . //' /proc/$pid/stat | cut -d' ' -f1)
done
systemctl show --property=Id,Requires,Requisite,BindsTo,PartOf,Slice,TriggeredBy,Triggers,Wants,Before '*'
"""

Units = dict[str, dict[str, list[str]]]


def refuse(target: Target, unit: str) -> None:
    """Raises Refused where stopping the unit could lock us out, or end the host's own undo."""
    if not NAME.fullmatch(unit):
        raise Refused(f"{unit!r} is not a unit name", "give one such as haproxy.service")
    if not unit.endswith(STOPPABLE):
        raise Refused(f"{unit} is not a service", f"choose a unit of one of the types {', '.join(STOPPABLE)}")
    if unit.startswith("faults-"):
        raise Refused(f"{unit} is part of an injection", "`faults heal` ends it")
    if why := reason(unit, ssh.script(target.ssh, LOOK)):
        raise Refused(f"{target.host.name}: {why}", "choose another process")


def reason(unit: str, shown: str) -> str | None:
    """Why the unit is vital, by what LOOK printed; None where it is not."""
    login, units = _parse(shown)
    if not login or not units:
        return f"systemd does not show what SSH depends on, so {unit} may be part of it"
    if unit in _needed({*login, *ROOTS}, units):
        return f"SSH, the timers or the undo of faults depend on {unit}"
    if unit in _network(units):
        return f"the network depends on {unit}"
    return None


def _parse(shown: str) -> tuple[set[str], Units]:
    """The units of our login, and each unit's properties."""
    login: set[str] = set()
    units: Units = {}
    found: dict[str, list[str]] = {}
    for line in [*shown.splitlines(), ""]:
        key, _, value = line.partition("=")
        if line.startswith("login "):
            login |= set(re.findall(r"[^/\s]+\.(?:service|scope|slice|socket)", line))
        elif value:
            found[key] = value.split()
        elif not line and found:
            units[found.get("Id", ["?"])[0]] = found
            found = {}
    return login, units


def _needed(roots: Iterable[str], units: Units) -> set[str]:
    """The roots and all that they depend on; sockets with the services that they start."""
    needed: set[str] = set()
    waiting = list(roots)
    while waiting:
        if (one := waiting.pop()) in needed:
            continue
        needed.add(one)
        known = units.get(one, {})
        waiting += [other for key in STRONG for other in known.get(key, [])]
        if one.endswith(".socket"):
            waiting += known.get("Triggers", [])
        if not one.endswith(".target"):  # of a target they are all that it starts, of a service what it works with
            waiting += known.get("Wants", [])
    return needed


def _network(units: Units) -> set[str]:
    """The services that bring the network up: they want network.target and come before it."""
    return {
        name
        for name, known in units.items()
        if "network.target" in known.get("Wants", []) and "network.target" in known.get("Before", [])
    }
