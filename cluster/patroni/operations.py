"""What an operator does to a Patroni cluster: switch over, write WAL, reinitialize a node, wait for replication."""

import shlex
import time

import psycopg

from firedrill.cluster import clock, host_clock, names, ssh
from firedrill.cluster.patroni import processes, rest, sql_errors
from firedrill.cluster.system import Handover
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

MIB = 1 << 20
# A message in the WAL that no table holds and no client decodes.
WRITE_WAL = "SELECT pg_logical_emit_message(false, 'firedrill', repeat('x', %s))"

CAUGHT_UP = (
    "SELECT bool_or(state = 'streaming' AND replay_lsn - '0/0'::pg_lsn >= %s)"
    " FROM pg_stat_replication WHERE lower(application_name) = lower(%s)"
)
# What Patroni logs, the more expensive first.
RECOVERY_LOGS = (
    ("replica has been created using", "a new base copy"),
    ("running pg_rewind", "pg_rewind"),
    ("following a leader", "its WAL alone"),  # Patroni says so in each loop of a replica
)


def leader(access: Access) -> str:
    """The leader's name. Raises Problem if there is none."""
    found = rest.view(access).leader
    if found is None:
        raise Problem("there is no leader, wanted one for this step", "check `patronictl list`")
    return found.name


def switchover(access: Access, within_s: float, to: str | None = None) -> Handover:
    """Hand the leadership over to the standby `to`, by default one that Patroni chooses. Raises Problem."""
    old = leader(access)
    candidate = {"candidate": names.member_of(access, to)} if to else {}
    message = rest.post(access, old, "/switchover", {"leader": names.member_of(access, old)} | candidate)
    deadline = time.monotonic() + within_s
    while (new := rest.view(access).leader) is None or new.name == old:
        if time.monotonic() > deadline:
            raise Problem(
                f"{old} still leads {within_s:g} s after the switchover, wanted another leader",
                f"Patroni's message was: {message}",
            )
        time.sleep(0.2)
    return Handover(old, new.name, message)


def write_wal(access: Access, mib: int) -> str:
    """Have the leader write WAL; return how much it wrote. Raises Problem."""
    name = leader(access)
    arguments = access.sql_node(access.inventory[name])
    try:
        with psycopg.connect(**arguments, autocommit=True) as connection:
            # An absent standby must not hold this up.
            connection.execute("SET synchronous_commit = local")
            began = _position(connection)
            for _ in range(mib):
                connection.execute(WRITE_WAL, (MIB,))
            return f"{name} wrote {(_position(connection) - began) / MIB:.0f} MiB of WAL"
    except psycopg.Error as error:
        raise Problem(f"{name}: no WAL written ({sql_errors.cause(error, arguments)})", "is it the primary?") from None


def _position(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


def reinitialize(access: Access, name: str) -> str:
    """Have a node take a new base copy; it has begun when this returns. Raises Problem."""
    return rest.post(access, name, "/reinitialize", {"force": True})


def until_caught_up(access: Access, name: str, within_s: float) -> float | None:
    """Wait until a node has replayed all that the leader had at the start; the seconds it took, None if too many.

    The leader is asked, because Patroni may report a node as `streaming` for a while after its stream has ended.
    """
    began, wanted = time.monotonic(), None
    while time.monotonic() - began < within_s:
        view = rest.view(access)
        try:
            if view.leader:
                with psycopg.connect(**access.sql_node(access.inventory[view.leader.name])) as connection:
                    wanted = _position(connection) if wanted is None else wanted
                    row = connection.execute(CAUGHT_UP, (wanted, names.member_of(access, name))).fetchone()
                if row and row[0]:
                    return time.monotonic() - began
        except psycopg.Error:
            wanted = None  # another node may lead now
        time.sleep(0.2)
    return None


def how_it_came_back(access: Access, name: str, since_s: float) -> str:
    """What a node's Patroni logged about following the leader again since then (by the run's clock). Raises Problem.

    A log that does not say so proves nothing: it may be another unit's, or a terse one.
    """
    host = access.inventory[name]
    unit = processes.unit("patroni", host)
    try:
        with ssh.connect(host) as connection:
            since = since_s + host_clock.offset(connection)[0] / clock.SECOND
            log = ssh.sh(connection, f"journalctl -u {shlex.quote(unit)} -o cat --since @{since:.0f}", check=False)
    except ValueError as error:  # no time in its answer
        raise Problem(f"{name}: its log cannot be read ({error})", "log in by hand") from None
    how = next((how for words, how in RECOVERY_LOGS if words in log), None)
    if how is None:
        raise Problem(f"{name}: the log of {unit} does not show how it came back", "check `units` in the inventory")
    return how
