"""Inject and heal with all the promises around a fault: guard rails, ledger, undo, proof, and what was recorded."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from faults import ledger, remote
from faults.catalogue import FAULTS
from faults.ledger import Entry
from faults.protocol import Fault, NotEffective, Refused, Target, new_id, options
from faults.targets import resolve
from inventories.access import Access
from inventories.errors import Problem
from inventories.read import ROOT, Host

MAX_HOSTS = 2
# The processes started here that heal at the limit, so that they are reaped when they are not needed after all.
_DEADMEN: dict[int, subprocess.Popen] = {}
Tell = Callable[[Entry, str, str, int | None], None]


def name_of(fault: Fault) -> str:
    """The catalogue's name of this fault."""
    return next(name for name, kind in FAULTS.items() if kind is type(fault))


@dataclass(frozen=True)
class Plan:
    """What an injection would do: hosts resolved, nothing touched."""

    fault: Fault
    spec: str
    hosts: tuple[Host, ...]
    limit_s: float


def plan(fault: Fault, spec: str, access: Access, *, limit_s: float | None = None, max_hosts: int = MAX_HOSTS) -> Plan:
    """Resolve the target and check the guard rails. Raises Refused."""
    if not access.inventory.data.get("chaos_allowed"):
        raise Refused(
            f"{access.inventory.path} does not allow faults", "set `chaos_allowed = True` in it if you mean it"
        )
    limit = fault.default_limit_s if limit_s is None else limit_s
    if limit <= 0:
        raise Refused(f"a limit of {limit:g} s", "give a positive duration such as `--for 60s`")
    hosts = tuple(resolve(spec, access))
    if len(hosts) > max_hosts:
        names = ", ".join(host.name for host in hosts)
        raise Refused(f"{spec} is {len(hosts)} hosts ({names})", f"say `--max-hosts {len(hosts)}` if you mean it")
    return Plan(fault, spec, hosts, limit)


def dry_run(it: Plan, access: Access) -> dict[str, list[str]]:
    """The exact commands for each host."""
    return {host.name: it.fault.commands(Target("0" * 8, it.spec, host, access, it.limit_s)) for host in it.hosts}


@contextmanager
def _connected(hosts: tuple[Host, ...]) -> Iterator[dict[str, remote.Connection | None]]:
    """A connection to each host that answers, closed afterwards."""
    found = {host.name: remote.connect(host) if remote.answers(host, 2) else None for host in hosts}
    try:
        yield found
    finally:
        for connection in found.values():
            if connection:
                connection.close()


def inject(it: Plan, access: Access, tell: Tell) -> list[Entry]:
    """Inject on every host of the plan; on any failure heal what was done and raise."""
    with _connected(it.hosts) as connections:
        targets = [Target(new_id(), it.spec, host, access, it.limit_s, connections[host.name]) for host in it.hosts]
        for target in targets:
            it.fault.refuse(target)
        try:
            done = [_inject_one(it.fault, target, tell) for target in targets]
        except BaseException:
            mine = {target.id for target in targets}
            for entry in ledger.entries(access.inventory):
                if entry.id in mine:
                    heal(entry, access, tell)
            raise
    return done


def _inject_one(fault: Fault, target: Target, tell: Tell) -> Entry:
    target = replace(target, before=fault.snapshot(target))
    entry = _entry(fault, target)
    ledger.write(target.access.inventory, entry)
    if not fault.heals_itself_on_host:
        entry = replace(entry, deadman=_arm_deadman(entry))
        ledger.write(target.access.inventory, entry)
    try:
        evidence = fault.inject(replace(target, record=lambda phase, detail, t=None: tell(entry, phase, detail, t)))
    except NotEffective as problem:
        tell(entry, "not_effective", str(problem), None)
        raise
    tell(entry, "effective", evidence, None)
    return entry


def _entry(fault: Fault, target: Target) -> Entry:
    now = time.time()
    return Entry(
        id=target.id,
        fault=name_of(fault),
        options=options(fault),
        spec=target.spec,
        host=target.host.name,
        inventory=str(target.access.inventory.path),
        at=now,
        until=now + target.limit_s,
        before=target.before,
    )


def _arm_deadman(entry: Entry) -> int:
    """A process of its own that heals at the limit: a host without power cannot hold its own undo."""
    wait = max(0.0, entry.until - time.time())
    command = [sys.executable, "-m", "faults", "-i", entry.inventory, "heal", entry.id, "--after", f"{wait:.1f}"]
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(command, cwd=ROOT, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    _DEADMEN[child.pid] = child
    return child.pid


def _disarm_deadman(entry: Entry) -> None:
    if entry.deadman is None or entry.deadman == os.getpid():
        return
    try:
        if entry.id.encode() in Path(f"/proc/{entry.deadman}/cmdline").read_bytes():
            os.kill(entry.deadman, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass
    if child := _DEADMEN.pop(entry.deadman, None):
        child.wait()


def heal(entry: Entry, access: Access, tell: Tell) -> None:
    """Undo one injection and prove the host clean; only then does it leave the ledger. Raises NotClean."""
    fault = FAULTS[entry.fault](**entry.options)
    host = access.inventory[entry.host]
    tell(entry, "heal", f"heal {entry.fault} on {entry.host}", None)
    with _connected((host,)) as connections:
        target = Target(
            entry.id, entry.spec, host, access, entry.until - entry.at, connections[host.name], entry.before
        )
        if fault.heals_itself_on_host and target.connection is None:
            raise Problem(f"{host.name} does not answer SSH", "it heals itself at its limit; try again when it is back")
        try:
            evidence = fault.heal(target)
        except Problem as problem:
            tell(entry, "not_clean", str(problem), None)
            raise
    tell(entry, "clean", evidence, None)
    _disarm_deadman(entry)
    ledger.remove(access.inventory, entry.id)


def status(access: Access) -> list[dict]:
    """One row for each injection in the ledger, with what its host shows now."""
    rows = []
    for entry in ledger.entries(access.inventory):
        host = access.inventory[entry.host]
        fault = FAULTS[entry.fault](**entry.options)
        with _connected((host,)) as connections:
            target = Target(entry.id, entry.spec, host, access, 0, connections[host.name], entry.before)
            shown = (
                fault.status(target) if target.connection or not fault.heals_itself_on_host else "does not answer SSH"
            )
        left = round(entry.until - time.time(), 1)
        rows.append({"id": entry.id, "fault": entry.fault, "host": entry.host, "target": entry.spec,
                     "options": entry.options, "heals_in_s": left, "status": shown})  # fmt: skip
    return rows
