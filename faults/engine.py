"""Inject and heal with all the promises around a fault: guard rails, ledger, undo, proof, and what was recorded."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from firedrill import package, plugins
from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.faults import ledger, lookup, undo
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Fault, NotEffective, Refused, Target, new_id, options
from firedrill.faults.targets import resolve
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

MAX_HOSTS = 2
# The processes started here that heal at the limit, so that they are reaped when they are not needed after all.
_DEADMEN: dict[int, subprocess.Popen] = {}
Tell = Callable[[Entry, str, str, int | None], None]
Connections = dict[str, ssh.Connection | None]


@dataclass(frozen=True)
class Plan:
    """What an injection would do: hosts resolved, nothing touched."""

    fault: Fault
    spec: str
    hosts: tuple[Host, ...]
    limit_s: float


def plan(
    fault: Fault,
    spec: str,
    access: Access,
    *,
    limit_s: float | None = None,
    max_hosts: int = MAX_HOSTS,
    allow_quorum_loss: bool = False,
) -> Plan:
    """Resolve the target and check the guard rails. Raises Refused."""
    if not access.inventory.data.get("chaos_allowed"):
        raise Refused(
            f"{access.inventory.path} does not allow faults", "set `chaos_allowed = True` in it if you mean it"
        )
    lookup.name_of(fault)  # refuses one that no other process could heal
    limit = fault.default_limit_s if limit_s is None else limit_s
    if limit <= 0:
        raise Refused(f"a limit of {limit:g} s", "give a positive duration such as `--for 60s`")
    hosts = tuple(resolve(spec, access))
    if len(hosts) > max_hosts:
        names = ", ".join(host.name for host in hosts)
        raise Refused(f"{spec} is {len(hosts)} hosts ({names})", f"say `--max-hosts {len(hosts)}` if you mean it")
    if not allow_quorum_loss:
        _keep_quorum(hosts, access)
    return Plan(fault, spec, hosts, limit)


def _keep_quorum(hosts: tuple[Host, ...], access: Access) -> None:
    """With those that are hit already, a majority of the etcd members stays untouched."""
    members = {host.name for host in access.inventory.role("etcd")}
    hit = {host.name for host in hosts} | {entry.host for entry in ledger.entries(access.inventory)}
    lost = sorted(members & hit)
    if len(lost) > (len(members) - 1) // 2 and members & {host.name for host in hosts} and len(members) > 1:
        raise Refused(
            f"{', '.join(lost)} are {len(lost)} of {len(members)} etcd members: the quorum would be at stake",
            "say `--allow-quorum-loss` if you mean it",
        )


def dry_run(it: Plan, access: Access) -> dict[str, list[str]]:
    """The exact commands for each host."""
    targets = [Target("0" * 8, it.spec, host, access, it.limit_s, together=it.hosts) for host in it.hosts]
    if check := getattr(it.fault, "check", None):
        check()
    return {target.host.name: it.fault.commands(target) for target in targets}


@contextmanager
def connected(hosts: Iterable[Host]) -> Iterator[Connections]:
    """A connection to each host that answers, opened together, closed afterwards."""
    hosts = list(hosts)
    found: Connections = dict(zip((host.name for host in hosts), each(_try_connect, hosts), strict=True))
    try:
        yield found
    finally:
        for connection in found.values():
            if connection:
                connection.close()


def _try_connect(host: Host) -> ssh.Connection | None:
    if not ssh.answers(host, ssh.CONNECT_SECONDS):
        return None
    try:
        return ssh.connect(host)
    except ssh.Unreachable:
        return None


def inject(it: Plan, access: Access, tell: Tell) -> list[Entry]:
    """Inject on every host of the plan, on all at once; on any failure heal what was done and raise."""
    with connected(it.hosts) as connections:
        targets = [
            Target(new_id(), it.spec, host, access, it.limit_s, connections[host.name], together=it.hosts)
            for host in it.hosts
        ]
        each(it.fault.refuse, targets)
        befores = each(it.fault.snapshot, targets)
        targets = [replace(target, before=before) for target, before in zip(targets, befores, strict=True)]
        entries = [_entry(it.fault, target) for target in targets]
        began = time.monotonic()
        try:
            entries = _arm(it.fault, targets, entries)
            _strike(it.fault, targets, entries, tell, began)
        except BaseException:
            # The ledger says what was begun, at whatever moment that was.
            mine = {target.id for target in targets}
            begun = [entry for entry in ledger.entries(access.inventory) if entry.id in mine]
            _heal_each(begun, access, tell, connections)
            raise
    return entries


def _arm(fault: Fault, targets: list[Target], entries: list[Entry]) -> list[Entry]:
    """Write the ledger, and have every host hold its undo; where it cannot, a process of our own does.

    That process is there before the entry is: killed in between, we leave one that finds nothing to heal, and not an
    entry that nobody heals.
    """
    if not fault.heals_itself_on_host:
        entries = [replace(entry, deadman=_arm_deadman(entry)) for entry in entries]
    for entry in entries:
        ledger.write(targets[0].access.inventory, entry)
    each(lambda pair: fault.arm(pair[0], asdict(pair[1])), zip(targets, entries, strict=True))
    return entries


def _strike(fault: Fault, targets: list[Target], entries: list[Entry], tell: Tell, began: float) -> None:
    """Let the harm loose everywhere, and prove it; `began` (monotonic) is when arming did."""
    strikes = each(fault.ready, targets)
    for strike in strikes:
        strike.go()
    moments = each(lambda strike: strike.done(), strikes)
    cost = f" (armed and struck in {(time.monotonic() - began) * 1000:.0f} ms"
    for entry, strike, moment in zip(entries, strikes, moments, strict=True):
        tell(entry, "inject", strike.text, moment)
    if fault.may_lock_out:
        each(_try_new_login, targets)
    proofs = each(lambda pair: _prove(fault, *pair, tell), zip(targets, entries, strict=True))
    spread = f", {len(targets)} hosts struck within {(max(moments) - min(moments)) / 1e6:.1f} ms"
    for entry, proof in zip(entries, proofs, strict=True):
        tell(entry, "effective", proof + cost + (spread if len(targets) > 1 else "") + ")", None)


def _try_new_login(target: Target) -> None:
    """The operator still gets in, by a login of now; the host heals itself when it hears of none."""
    try:
        with ssh.connect(target.host) as fresh:
            undo.stand_down_guard(replace(target, connection=fresh))
    except ssh.Unreachable as error:
        raise NotEffective(f"{target.host.name} takes no new SSH login under this fault ({error.cause})", "") from None


def _prove(fault: Fault, target: Target, entry: Entry, tell: Tell) -> str:
    try:
        return fault.prove(target)
    except NotEffective as problem:
        tell(entry, "not_effective", str(problem), None)
        raise


def _heal_each(entries: list[Entry], access: Access, tell: Tell, connections: Connections) -> None:
    """Heal all, whatever became of some; what was not healed was told, and stays in the ledger."""
    for entry in entries:
        with contextlib.suppress(Problem):
            try:
                heal(entry, access, tell, connections)
            except ssh.Unreachable:
                heal(entry, access, tell)


def _entry(fault: Fault, target: Target) -> Entry:
    now = time.time()
    return Entry(
        id=target.id,
        fault=lookup.name_of(fault),
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
    heal = ("-i", entry.inventory, "heal", entry.id, "--after", f"{wait:.1f}")
    command, environment, quiet = package.command("firedrill.faults", *heal), package.environment(), subprocess.DEVNULL
    child = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
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


def heal(entry: Entry, access: Access, tell: Tell, connections: Connections | None = None) -> None:
    """Undo one injection and prove the host clean; only then does it leave the ledger. Raises NotClean."""
    fault = _fault(entry, access)
    host = access.inventory[entry.host]
    tell(entry, "heal", f"heal {entry.fault} on {entry.host}", None)
    with contextlib.ExitStack() as stack:
        if connections is None:
            connections = stack.enter_context(connected((host,)))
        target = _target(entry, host, access, connections)
        try:
            if fault.heals_itself_on_host and target.connection is None:
                raise Problem(
                    f"{host.name} does not answer SSH", "it heals itself at its limit; try again when it is back"
                )
            evidence = fault.heal(target)
        except Problem as problem:
            tell(entry, "not_clean", str(problem), None)
            raise
    tell(entry, "clean", evidence, None)
    _disarm_deadman(entry)
    ledger.remove(access.inventory, entry.id)


def _fault(entry: Entry, access: Access) -> Fault:
    """The fault of an entry. A file is loaded only where our own ledger names it: a host runs no code here."""
    ours = {(mine.id, mine.fault) for mine in ledger.entries(access.inventory)}
    if plugins.names_file(entry.fault) and (entry.id, entry.fault) not in ours:
        raise Problem(
            f"{entry.host}: {entry.id} is the fault {entry.fault} of another controller", "heal it from there"
        )
    return lookup.make(entry.fault, entry.options)


def _target(entry: Entry, host: Host, access: Access, connections: Connections) -> Target:
    limit = entry.until - entry.at
    return Target(entry.id, entry.spec, host, access, limit, connections.get(host.name), entry.before)


def active(access: Access, connections: Connections) -> list[Entry]:
    """Every injection that the ledger here, or the journal of a host, still holds; the oldest first."""
    known = {entry.id: entry for entry in ledger.entries(access.inventory)}
    names = {field.name for field in fields(Entry)}
    asked = [(name, connection) for name, connection in connections.items() if connection]
    for (name, _), journals in zip(asked, each(lambda pair: undo.journals(pair[1]), asked), strict=True):
        for journal in journals:
            # The host's name is as this inventory has it, which need not be the one it was injected through.
            entry = Entry(**{key: value for key, value in journal.items() if key in names} | {"host": name})
            known.setdefault(entry.id, entry)
    return sorted(known.values(), key=lambda entry: entry.at)


def status(access: Access) -> list[dict]:
    """One row for each injection that any host or the ledger here knows of, with what its host shows now."""
    ours = {entry.id for entry in ledger.entries(access.inventory)}
    with connected(access.inventory.hosts) as connections:
        entries = active(access, connections)
        shown = each(lambda entry: _shown(entry, access, connections), entries)
    return [
        {"id": entry.id, "fault": entry.fault, "host": entry.host, "target": entry.spec, "options": entry.options,
         "heals_in_s": round(entry.until - time.time(), 1),
         "injected_from": "here" if entry.id in ours else "elsewhere",
         "status": text} for entry, text in zip(entries, shown, strict=True)
    ]  # fmt: skip


def _shown(entry: Entry, access: Access, connections: Connections) -> str:
    try:
        fault = _fault(entry, access)
    except Problem as problem:
        return str(problem)
    target = _target(entry, access.inventory[entry.host], access, connections)
    if target.connection is None and fault.heals_itself_on_host:
        return "does not answer SSH"
    return fault.status(target)
