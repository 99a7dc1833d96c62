"""What an operator does to a cluster, as steps of an experiment: switch over, write WAL, make a node anew."""

import time

import httpx
import psycopg

from firedrill.cluster import patroni, ssh
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

ANSWER_SECONDS = 60
MIB = 1 << 20
# A message in the WAL that no table holds and nobody decodes.
WRITE_WAL = "SELECT pg_logical_emit_message(false, 'firedrill', repeat('x', %s))"

CAUGHT_UP = (
    "SELECT bool_or(state = 'streaming' AND replay_lsn - '0/0'::pg_lsn >= %s)"
    " FROM pg_stat_replication WHERE application_name = %s"
)
# What Patroni logs, the dearer first.
HOW = (("replica has been created using", "a new base copy"), ("running pg_rewind", "pg_rewind"))


def leader(access: Access) -> str:
    """The leader's name. Raises Problem where there is none."""
    found = patroni.view(access).leader
    if found is None:
        raise Problem("there is no leader", "this step takes one")
    return found.name


def switchover(access: Access, within_s: float) -> tuple[str, str, str]:
    """Hand the leadership over; return the old leader, the new one and Patroni's words. Raises Problem."""
    old = leader(access)
    member = access.inventory[old].data.get("patroni_name", old)
    said = _post(access, old, "/switchover", {"leader": member})
    deadline = time.monotonic() + within_s
    while (new := patroni.view(access).leader) is None or new.name == old:
        if time.monotonic() > deadline:
            raise Problem(f"{old} leads {within_s:g} s after the switchover", f"Patroni said: {said}")
        time.sleep(0.2)
    return old, new.name, said


def write_wal(access: Access, mib: int) -> str:
    """Have the leader write WAL; say how much it became. Raises Problem."""
    name = leader(access)
    try:
        with psycopg.connect(**access.sql_node(access.inventory[name]), autocommit=True) as connection:
            # Nobody waits for a standby here, and one that is away must not hold it up.
            connection.execute("SET synchronous_commit = local")
            began = _position(connection)
            for _ in range(mib):
                connection.execute(WRITE_WAL, (MIB,))
            return f"{name} wrote {(_position(connection) - began) / MIB:.0f} MiB of WAL"
    except psycopg.Error as error:
        raise Problem(f"{name}: no WAL written ({str(error).strip().splitlines()[0]})", "is it the primary?") from None


def _position(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    return int(row[0]) if row else 0


def reinitialize(access: Access, name: str) -> str:
    """Have a node take a new base copy; it has begun when this returns. Raises Problem."""
    return _post(access, name, "/reinitialize", {"force": True})


def _post(access: Access, name: str, path: str, body: dict) -> str:
    url = f"{access.patroni_url(access.inventory[name])}{path}"
    try:
        answer = httpx.post(url, json=body, auth=access.patroni_auth, timeout=ANSWER_SECONDS, **access.patroni_options)
    except httpx.HTTPError as error:
        raise Problem(f"{name}: {path} had no answer ({error or type(error).__name__})", "is Patroni well?") from None
    if answer.is_error:
        raise Problem(f"{name}: {path} was refused ({answer.status_code} {answer.text.strip()})", "is Patroni well?")
    return answer.text.strip()


def until_caught_up(access: Access, name: str, within_s: float) -> float | None:
    """Wait until a node has replayed all that the leader had when asked; the seconds it took, None where too many.

    The leader is asked, which knows: Patroni may call a node `streaming` for a while that hears nothing.
    """
    began, wanted = time.monotonic(), None
    while time.monotonic() - began < within_s:
        view = patroni.view(access)
        try:
            if view.leader:
                with psycopg.connect(**access.sql_node(access.inventory[view.leader.name])) as connection:
                    wanted = _position(connection) if wanted is None else wanted
                    row = connection.execute(CAUGHT_UP, (wanted, name)).fetchone()
                if row and row[0]:
                    return time.monotonic() - began
        except psycopg.Error:
            wanted = None  # another may lead now
        time.sleep(0.2)
    return None


def how_it_came_back(access: Access, name: str, since_s: float) -> str:
    """What a node's Patroni says that it did to follow again since then (seconds since the epoch)."""
    try:
        with ssh.connect(access.inventory[name]) as connection:
            said = ssh.sh(connection, f"journalctl -u patroni -o cat --since @{since_s:.0f}", check=False)
    except ssh.Unreachable as problem:
        return f"not known ({problem})"
    return next((how for words, how in HOW if words in said), "its WAL alone")
