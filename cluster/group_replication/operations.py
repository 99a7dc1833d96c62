"""What an operator does to a group: switch over, write to the log, make a server a new copy, wait for replication."""

import shlex
import time
from datetime import UTC, datetime

import pymysql

from firedrill.cluster import clock, host_clock, ssh
from firedrill.cluster.group_replication import processes, reports, sql, view
from firedrill.cluster.group_replication.reports import Report
from firedrill.cluster.system import REPLICA, Handover
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

MIB = 1 << 20
ANSWER_S = 5.0
ACTION_S = 60.0
POLL_S = 0.2
FILLER = (
    "CREATE TABLE IF NOT EXISTS firedrill.filler (id bigint AUTO_INCREMENT PRIMARY KEY, data longtext NOT NULL)",
    "TRUNCATE firedrill.filler",
)
WRITE_LOG = "INSERT INTO firedrill.filler (data) VALUES (REPEAT('x', %s))"
ONLINE = (
    "SELECT COUNT(*) FROM performance_schema.replication_group_members"
    " WHERE member_id = @@server_uuid AND member_state = 'ONLINE'"
)
# What a server logs when it recovers, the more expensive first.
RECOVERY_LOGS = (
    ("Cloning from a remote group donor", "a clone of all data"),
    ("Incremental recovery from a group donor", "the binary log alone"),
)


def believed(access: Access) -> Report:
    """The report of the majority, with a primary. Raises Problem."""
    found = reports.once(access)
    known = reports.believed(found)
    if known is None or known.primary is None:
        raise Problem(
            f"there is no primary, wanted one for this step: {view.no_majority(found)}", "check the servers' error logs"
        )
    return known


def primary(access: Access) -> str:
    """The inventory name of the primary. Raises Problem."""
    found = believed(access).primary
    assert found
    return found.name


def switchover(access: Access, within_s: float, to: str | None = None) -> Handover:
    """Make another member the primary, by default the first secondary. Raises Problem."""
    known = believed(access)
    old = primary(access)
    others = [row for row in known.rows if view.role(row) == REPLICA and to in (None, row.name)]
    if not others:
        raise Problem(f"{to or 'no other server'} is not a secondary, wanted one to lead after {old}", "is it up?")
    try:
        connection = sql.connect(access.mysql_operator(access.inventory[old]), ANSWER_S, max(within_s, ACTION_S))
        try:
            message = str(sql.rows(connection, "SELECT group_replication_set_as_primary(%s)", (others[0].uuid,))[0][0])
        finally:
            reports.close(connection)
    except sql.ERRORS as error:
        raise Problem(f"{old}: the switchover was refused ({sql.cause(error)})", "check its error log") from None
    deadline = time.monotonic() + within_s
    while (new := view.view(access).leader) is None or new.name == old:
        if time.monotonic() > deadline:
            raise Problem(f"{old} still leads {within_s:g} s after the switchover, wanted {others[0].name}", message)
        time.sleep(POLL_S)
    return Handover(old, new.name, message)


def write_log(access: Access, mib: int) -> str:
    """Have the primary write that much to its binary log. Raises Problem."""
    name = primary(access)
    try:
        connection = sql.connect(access.mysql(access.inventory[name]), ANSWER_S, ACTION_S)
        try:
            sql.rows(connection, FILLER[0])
            for _ in range(mib):
                sql.rows(connection, WRITE_LOG, (MIB,))
            sql.rows(connection, FILLER[1])
        finally:
            reports.close(connection)
    except sql.ERRORS as error:
        raise Problem(f"{name}: nothing written to its log ({sql.cause(error)})", "is it the primary?") from None
    return f"{name} wrote {mib} MiB to its binary log"


def reinitialize(access: Access, name: str) -> str:
    """Have a server join with a copy of all data; it has begun when this returns. Raises Problem."""
    try:
        connection = sql.connect(access.mysql_operator(access.inventory[name]), ANSWER_S, ACTION_S)
        try:
            sql.rows(connection, "STOP GROUP_REPLICATION")
            sql.rows(connection, "SET GLOBAL group_replication_clone_threshold = 1")
            start(connection)
        finally:
            reports.close(connection)
    except sql.ERRORS as error:
        raise Problem(f"{name}: it does not rejoin the group ({sql.cause(error)})", "check its error log") from None
    return f"{name} joins with a copy of all data that it lacks"


def start(connection: "pymysql.Connection[object]") -> None:
    """Start the replication. A clone ends the server, and with it the connection; the keeper may have started it."""
    try:
        sql.rows(connection, "START GROUP_REPLICATION")
    except sql.ERRORS as error:
        if sql.number(error) not in (*sql.CLIENT, 3093):  # 3093: it is running
            raise


def until_caught_up(access: Access, name: str, within_s: float) -> float | None:
    """Wait until a server has applied all that the primary had at the start; the seconds, None if too many."""
    began, wanted = time.monotonic(), None
    while time.monotonic() - began < within_s:
        try:
            wanted = wanted or executed(access, primary(access))
            if _has(access, name, wanted):
                return time.monotonic() - began
        except (*sql.ERRORS, Problem):
            wanted = None  # another server may lead now
        time.sleep(POLL_S)
    return None


def executed(access: Access, name: str) -> str:
    """The transactions of a server: a GTID set. Raises sql.ERRORS."""
    connection = sql.connect(access.mysql(access.inventory[name]), reports.DEADLINE_S)
    try:
        return str(sql.rows(connection, "SELECT @@gtid_executed")[0][0])
    finally:
        reports.close(connection)


def _has(access: Access, name: str, wanted: str) -> bool:
    connection = sql.connect(access.mysql(access.inventory[name]), reports.DEADLINE_S)
    try:
        row = sql.rows(connection, f"SELECT GTID_SUBSET(%s, @@gtid_executed) AND ({ONLINE})", (wanted,))[0]
        return bool(row[0])
    finally:
        reports.close(connection)


def how_it_came_back(access: Access, name: str, since_s: float) -> str:
    """How a server got the transactions that it lacked, from its error log since then. Raises Problem."""
    host = access.inventory[name]
    files = " ".join(shlex.quote(path) for path in processes.log_files(host))
    try:
        with ssh.connect(host) as connection:
            since = since_s + host_clock.offset(connection)[0] / clock.SECOND
            moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            log = ssh.sh(connection, f"awk -v since={moment} '$1 >= since' {files}", check=False)
    except ValueError as error:  # no time in its answer
        raise Problem(f"{name}: its log cannot be read ({error})", "log in by hand") from None
    how = next((how for words, how in RECOVERY_LOGS if words in log), None)
    if how is None:
        raise Problem(f"{name}: its error log does not show how it came back", "check log_error of the server")
    return how
