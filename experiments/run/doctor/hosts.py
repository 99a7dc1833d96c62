"""Every host by SSH: the login, Python, the clock, the services of its roles."""

from collections.abc import Iterator

from firedrill.cluster import host_clock, ssh
from firedrill.cluster.system import Check
from firedrill.cluster.systems import system_of
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

# Events are stamped here and logs are corrected, so an offset is not an error; a large one deserves a note.
LARGE_OFFSET_MS = 500


def checks(host: Host, connection: ssh.Connection | None) -> list[Check]:
    """The checks of one host."""
    what, needed = f"SSH to {host.name}", "faults on it, its logs"
    if connection is None:
        return [Check(what, False, ssh.why_not(host).cause, needed)]
    done: list[Check] = []
    try:
        done.extend(_of(host, connection, what, needed))
    except (Problem, ValueError) as problem:
        done.append(Check(what, False, str(problem), needed))
    return done


def _of(host: Host, connection: ssh.Connection, what: str, needed: str) -> Iterator[Check]:
    user, python = ssh.sh(connection, "id -un; python3 -V 2>/dev/null || echo none").splitlines()
    offset, error = host_clock.offset(connection)
    remark = ": large, check its time synchronization" if abs(offset) > LARGE_OFFSET_MS * 1e6 else ""
    found = f"{user}, {python}, clock {offset / 1e6:+.1f} ms (± {error / 1e6:.1f} ms){remark}"
    yield Check(what, user == "root" and python != "none", found, needed)
    yield _services(host, connection)


def _services(host: Host, connection: ssh.Connection) -> Check:
    system = system_of(host)
    names = [system.services[role][0] for role in host.roles if role in system.services and role != "app"]
    units = [system.unit(name, host) for name in names]
    shown = ssh.sh(connection, f"systemctl is-active {' '.join(units)} || true").split() if units else []
    found = ", ".join(f"{unit} {state}" for unit, state in zip(units, shown, strict=False)) or "its roles have none"
    return Check(f"services on {host.name}", set(shown) <= {"active"}, found, "faults of processes, its logs")
