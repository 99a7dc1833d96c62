"""What each server reports of the group, and which report to believe: that of a majority, in the newest view."""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pymysql

from firedrill.cluster import names, tls_errors
from firedrill.cluster.each import each
from firedrill.cluster.group_replication import sql
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

DEADLINE_S = 1.0
POLL_S = 0.1
STALE_S = 2.0
ONLINE, UNREACHABLE, OFFLINE = "ONLINE", "UNREACHABLE", "OFFLINE"
LEADS = "PRIMARY"
MEMBERS = """
SELECT member_id, member_host, member_state, member_role, @@server_uuid, @@super_read_only
FROM performance_schema.replication_group_members
"""
# Not in the same statement: it may wait for the group's own communication.
VIEW = "SELECT view_id FROM performance_schema.replication_group_member_stats WHERE member_id = @@server_uuid"


@dataclass(frozen=True)
class Row:
    """A member as one server sees it; `name` is that of its host in the inventory, `host` what the group calls it."""

    name: str
    uuid: str
    state: str
    role: str
    host: str = ""


@dataclass(frozen=True)
class Report:
    """One server's view of the group. `view`: its id, None if it did not tell.

    `error`: why there is no report; `kept_out`: since the client could not verify the server, or log in.
    """

    name: str
    uuid: str = ""
    rows: tuple[Row, ...] = ()
    view: str | None = None
    read_only: bool = True
    error: str | None = None
    kept_out: bool = False

    @property
    def mine(self) -> Row:
        """What the server reports of itself."""
        return next((row for row in self.rows if row.uuid == self.uuid), Row(self.name, self.uuid, OFFLINE, ""))

    @property
    def has_majority(self) -> bool:
        """Whether it is in the group, and reaches most of the members that it sees."""
        silent = sum(row.state == UNREACHABLE for row in self.rows)
        return self.mine.state == ONLINE and 2 * silent < len(self.rows)

    @property
    def primary(self) -> Row | None:
        return next((row for row in self.rows if row.role == LEADS and row.state == ONLINE), None)


def newer(view: str | None) -> tuple[int, ...]:
    """The order of view ids: of the moment the group was formed, and a counter."""
    try:
        return tuple(int(part) for part in (view or "").split(":"))
    except ValueError:
        return ()


def believed(reports: Iterable[Report]) -> Report | None:
    """The report of a server that sees a majority, in the newest view; None if none does.

    A server that was cut off sees the others until it suspects them, in an older view than theirs.
    """
    found = [report for report in reports if report.has_majority]
    return max(found, key=lambda report: newer(report.view), default=None)


def ask(access: Access, connection: "pymysql.Connection[Any]", host: Host) -> Report:
    """One server's report. Raises sql.ERRORS."""
    found = sql.rows(connection, MEMBERS)
    view = sql.rows(connection, VIEW)
    members = tuple(_row(access, row) for row in found if row[0])
    uuid, read_only = found[0][4:6] if found else ("", True)
    return Report(host.name, str(uuid), members, str(view[0][0]) if view and view[0][0] else None, bool(read_only))


def _row(access: Access, row: Sequence[Any]) -> Row:
    return Row(names.at(access, str(row[1])), str(row[0]), str(row[2]), str(row[3]), str(row[1]))


def failed(host: Host, error: Exception) -> Report:
    """No report, and why."""
    return Report(host.name, error=sql.cause(error), kept_out=tls_errors.kept_out(error))


def once(access: Access) -> list[Report]:
    """The reports of all servers of the inventory, asked in parallel."""

    def one(host: Host) -> Report:
        try:
            connection = sql.connect(access.mysql(host), DEADLINE_S)
        except (*sql.ERRORS, Problem) as error:
            return failed(host, error)
        try:
            return ask(access, connection, host)
        except sql.ERRORS as error:
            return failed(host, error)
        finally:
            close(connection)

    return each(one, access.inventory.databases)


def close(connection: "pymysql.Connection[Any]") -> None:
    """Close it, even if the server is gone."""
    if connection.open:
        try:
            connection.close()
        except sql.ERRORS:
            return


class Poller:
    """Asks one server ten times a second, in a thread, and keeps the newest report."""

    def __init__(self, access: Access, host: Host) -> None:
        self._access = access
        self._host = host
        self._stop = threading.Event()
        self._last = Report(host.name, error="no answer yet")
        self._at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"group {host.name}", daemon=True)

    @property
    def report(self) -> Report:
        """The newest report, while it is not stale."""
        if time.monotonic() - self._at > STALE_S:
            return Report(self._host.name, error=f"no answer within {STALE_S:g} s")
        return self._last

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()

    def _run(self) -> None:
        connection = None
        while not self._stop.wait(POLL_S):
            try:
                connection = connection or sql.connect(self._access.mysql(self._host), DEADLINE_S)
                self._keep(ask(self._access, connection, self._host))
            except (*sql.ERRORS, Problem) as error:
                self._keep(failed(self._host, error))
                if connection is not None:
                    close(connection)
                connection = None
        if connection is not None:
            close(connection)

    def _keep(self, report: Report) -> None:
        self._last, self._at = report, time.monotonic()
