"""Inject and heal with all the guarantees around a fault: guard rails, ledger, undo, proof, and a record of each step.

    plan = engine.plan(Partition(), "leader", access, limit_s=30)
    with engine.injected(plan, access) as entries:
        ...                                             # the fault is active and proven
                                                        # here it is healed, and the host proven clean

protocol.py has the tree of errors.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from firedrill.cluster import clock, ssh
from firedrill.cluster.each import each
from firedrill.cluster.systems import system_of
from firedrill.faults import deadman, lasting, ledger, lookup, overdue, serving, undo
from firedrill.faults.active import fault_of, target_of
from firedrill.faults.connections import Connections, connected
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import (
    Differs,
    Fault,
    NotClean,
    NotEffective,
    Refused,
    Target,
    Unhealed,
    check_limit,
    check_options,
    new_id,
    options,
)
from firedrill.faults.targets import resolve
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

MAX_HOSTS = 2
# Called with each step of an injection: entry, phase, detail, and when it was (ns since the epoch; None: now). The
# phases are inject, effective, not_effective, those of lasting.py, heal, clean and not_clean.
Tell = Callable[[Entry, str, str, int | None], None]


def quiet(entry: Entry, phase: str, detail: str, t: int | None) -> None:
    """Report no step."""


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
    """Check the options, resolve the target and apply the guard rails. Raises Refused."""
    if not access.inventory.data.get("chaos_allowed"):
        raise Refused(
            f"{access.inventory.path} does not allow faults",
            "set `chaos_allowed` to True in it, once nobody depends on these hosts",
        )
    lookup.name_of(fault)  # refuses one that no other process could heal
    limit = fault.default_limit_s if limit_s is None else limit_s
    check_limit(limit)
    check_options(fault)
    refuse_other_system(fault, access)
    hosts = tuple(resolve(spec, access))
    if len(hosts) > max_hosts:
        names = ", ".join(host.name for host in hosts)
        raise Refused(f"{spec} is {len(hosts)} hosts ({names})", f"add `--max-hosts {len(hosts)}` to allow it")
    if not allow_quorum_loss:
        overdue.retire(access)
        _keep_quorum(hosts, access)
    return Plan(fault, spec, hosts, limit)


def refuse_other_system(fault: Fault, access: Access) -> None:
    """Raises Refused for a fault of another database system than the inventory's."""
    wanted, found = getattr(fault, "systems", ()), system_of(access.inventory).name
    if wanted and found not in wanted:
        raise Refused(
            f"{lookup.name_of(fault)} is for {', '.join(wanted)}, this cluster is {found}", "choose another fault"
        )


def _keep_quorum(hosts: tuple[Host, ...], access: Access) -> None:
    """Including the hosts that are hit already, a majority of those that elect the leader stays untouched."""
    system = system_of(access.inventory)
    role = system.coordinator_role or system.database_role
    members = {host.name for host in access.inventory.role(role)}
    hit = {host.name for host in hosts} | {entry.host for entry in ledger.entries(access.inventory)}
    lost = sorted(members & hit)
    if len(lost) > (len(members) - 1) // 2 and members & {host.name for host in hosts} and len(members) > 1:
        raise Refused(
            f"{', '.join(lost)} are {len(lost)} of {len(members)} {role} members: this would endanger the quorum",
            "add `--allow-quorum-loss` to allow it",
        )


def dry_run(it: Plan, access: Access) -> dict[str, list[str]]:
    """The exact commands for each host."""
    targets = [Target("0" * 8, it.spec, host, access, it.limit_s, together=it.hosts) for host in it.hosts]
    return {target.host.name: it.fault.commands(target) for target in targets}


@contextmanager
def injected(it: Plan, access: Access, tell: Tell = quiet) -> Iterator[list[Entry]]:
    """Inject, and heal at the end of the block, even after an exception. Raises Refused, NotEffective, Unhealed."""
    entries = inject(it, access, tell)
    try:
        yield entries
    finally:
        heal_all(entries, access, tell)


def inject(it: Plan, access: Access, tell: Tell = quiet) -> list[Entry]:
    """Inject on every host of the plan simultaneously; on any failure heal what was injected and raise.

    Returns what is active then: nothing of a momentary fault, which leaves nothing to heal.
    """
    with connected(it.hosts) as connections:
        targets = [
            Target(new_id(), it.spec, host, access, it.limit_s, connections[host.name], together=it.hosts)
            for host in it.hosts
        ]
        each(it.fault.refuse, targets)
        befores = each(lambda target: it.fault.snapshot(target) | serving.note(target), targets)
        targets = [replace(target, before=before) for target, before in zip(targets, befores, strict=True)]
        entries = [_entry(it.fault, target) for target in targets]
        began = time.monotonic()
        try:
            entries = _arm(it.fault, targets, entries)
            entries = _trigger(it.fault, targets, entries, tell, began)
        except BaseException:
            # The ledger has what was begun, whenever it was interrupted.
            mine = {target.id for target in targets}
            begun = [entry for entry in ledger.entries(access.inventory) if entry.id in mine]
            _heal_each(begun, access, tell, connections)
            raise
        if getattr(it.fault, "momentary", False):
            for entry in entries:
                heal(entry, access, tell, connections)
            return []
    return entries


def _arm(fault: Fault, targets: list[Target], entries: list[Entry]) -> list[Entry]:
    """Write the ledger, and have every host hold its undo; where it cannot, a process of our own does.

    That process starts before the entry is written: if we are killed in between, it finds nothing to heal, rather than
    an entry being left that nobody heals.
    """
    if not fault.heals_itself_on_host:
        entries = [replace(entry, deadman=deadman.start(entry)) for entry in entries]
    for entry in entries:
        ledger.write(targets[0].access.inventory, entry)
    each(lambda pair: fault.arm(pair[0], asdict(pair[1])), zip(targets, entries, strict=True))
    return entries


def _trigger(fault: Fault, targets: list[Target], entries: list[Entry], tell: Tell, began: float) -> list[Entry]:
    """Trigger the injection everywhere, and prove it; `began` (monotonic) is when arming did."""
    access = targets[0].access
    triggers = each(fault.ready, targets)
    if not fault.heals_itself_on_host:
        _refuse_healed(entries, access)
    for trigger in triggers:
        trigger.go()
    moments = each(lambda trigger: trigger.done(), triggers)
    if not fault.heals_itself_on_host:
        entries = [_struck(*row, access) for row in zip(entries, targets, moments, strict=True)]
    cost = f" (armed and injected in {(time.monotonic() - began) * 1000:.0f} ms"
    for entry, trigger, moment in zip(entries, triggers, moments, strict=True):
        tell(entry, "inject", trigger.text, moment)
    if fault.may_lock_out:
        each(_try_new_login, targets)
    proofs = each(lambda pair: _prove(fault, *pair, tell), zip(targets, entries, strict=True))
    spread = f", {len(targets)} hosts within {(max(moments) - min(moments)) / 1e6:.1f} ms"
    for entry, proof in zip(entries, proofs, strict=True):
        tell(entry, "effective", proof + cost + (spread if len(targets) > 1 else "") + ")", None)
    if not fault.heals_itself_on_host:
        entries = [replace(entry, proven=True) for entry in entries]
        for entry in entries:
            ledger.update(access.inventory, entry)
    return entries


def _refuse_healed(entries: list[Entry], access: Access) -> None:
    """An injection that was healed already, since we were too slow, would be healed by nobody. Raises Refused."""
    left = {entry.id for entry in ledger.entries(access.inventory)}
    if any(entry.id not in left for entry in entries):
        raise Refused("its undo has run already: this machine was too slow", "inject it again, with a longer limit")


def _struck(entry: Entry, target: Target, moment: int, access: Access) -> Entry:
    """The entry with its limit counted from the moment (ns) at which it took effect, for the process that heals it."""
    at = clock.wall_s() - (clock.now() - moment) / clock.SECOND
    struck = replace(entry, struck=at, until=at + target.limit_s)
    if not ledger.update(access.inventory, struck):
        ledger.write(access.inventory, struck)  # to be healed once more
        raise Refused("its undo ran before the injection had ended", "inject it again, with a longer limit")
    return struck


def _try_new_login(target: Target) -> None:
    """A new SSH login still works; the host heals itself where none succeeds."""
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
    """Heal all; what could not be healed was reported, and stays in the ledger."""
    for entry in entries:
        with contextlib.suppress(Problem):
            try:
                heal(entry, access, tell, connections)
            except ssh.Unreachable:
                heal(entry, access, tell)


def _entry(fault: Fault, target: Target) -> Entry:
    now = clock.wall_s()
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


def heal(
    entry: Entry,
    access: Access,
    tell: Tell = quiet,
    connections: Connections | None = None,
    together: Collection[str] = (),
) -> None:
    """Undo one injection and prove the host clean; only then does it leave the ledger. Raises NotClean.

    `together`: the ids of all that are healed at the same time.
    """
    fault, host = fault_of(entry, access), access.inventory[entry.host]
    tell(entry, "heal", f"heal {entry.fault} on {entry.host}", None)
    with contextlib.ExitStack() as stack:
        if connections is None:
            connections = stack.enter_context(connected((host,) if fault.heals_itself_on_host else ()))
        try:
            evidence = _heal(fault, target_of(entry, access, connections), together)
        except Problem as problem:
            tell(entry, "not_clean", str(problem), None)
            raise
    tell(entry, "clean", evidence, None)
    deadman.stop(entry)
    ledger.remove(access.inventory, entry.id)


def accept(entry: Entry, access: Access, tell: Tell = quiet) -> None:
    """Heal; what differs from before, an operator accepts: the injection leaves the record. Raises Problem."""
    try:
        heal(entry, access, tell)
    except Differs:
        host = access.inventory[entry.host]
        with connected((host,)) as connections:
            if left := undo.disarm(target_of(entry, access, connections)):
                raise NotClean(f"{host.name} still has {' '.join(left.split())}", "heal it again") from None
        deadman.stop(entry)
        ledger.remove(access.inventory, entry.id)


def _heal(fault: Fault, target: Target, together: Collection[str]) -> str:
    if fault.heals_itself_on_host and target.connection is None:
        why = ssh.why_not(target.host)
        raise Problem(why.cause, f"it heals itself at its limit; {why.remedy}")
    try:
        return "; ".join(filter(None, (fault.heal(target), serving.prove(target, together))))
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # the record lacks what the fault noted
        raise NotClean(
            f"{target.host.name}: the record of {target.id} is incomplete ({type(error).__name__}: {error})",
            "its timer heals it at its limit",
        ) from error


def heal_all(entries: list[Entry], access: Access, tell: Tell = quiet) -> None:
    """Prove again that they are in effect, then heal all simultaneously: some heal only when others have (a quorum).

    Each is healed even if healing another one fails. Raises Unhealed with all errors.
    """
    with connected(_asked(entries, access)) as connections:
        lasting.prove_again(entries, access, connections, tell)
        together = [entry.id for entry in entries]
        alone = [host for host, count in Counter(entry.host for entry in entries).items() if count == 1]

        def healed(entry: Entry) -> Problem | None:  # a host may allow one session a connection
            return _problem(entry, access, tell, connections if entry.host in alone else None, together)

        problems = each(healed, entries)
    if found := [problem for problem in problems if problem]:
        raise Unhealed(found)


def _problem(
    entry: Entry, access: Access, tell: Tell, connections: Connections | None, together: Collection[str]
) -> Problem | None:
    try:
        heal(entry, access, tell, connections, together)
    except Problem as problem:
        return problem
    return None


def _asked(entries: list[Entry], access: Access) -> list[Host]:
    """The hosts that are healed over SSH; those without power do not answer, and nobody waits for them."""
    names = {entry.host for entry in entries if lasting.held_by_host(entry, access)}
    return [host for host in access.inventory.hosts if host.name in names]
