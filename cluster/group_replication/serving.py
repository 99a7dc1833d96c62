"""Whether the services of a host serve: a process that runs is not enough."""

from collections.abc import Mapping

from firedrill.cluster import front_serving
from firedrill.cluster.front_serving import Ask
from firedrill.cluster.group_replication import reports, sql
from firedrill.cluster.group_replication.dialect import MySQLDialect
from firedrill.cluster.group_replication.reports import LEADS, ONLINE
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

ANSWER_S = 3.0
# In a table that the probes do not count; on a primary that lost its majority it blocks.
WRITE = (
    "CREATE DATABASE IF NOT EXISTS firedrill",
    "CREATE TABLE IF NOT EXISTS firedrill.serves (id int PRIMARY KEY)",
    "REPLACE INTO firedrill.serves VALUES (1)",
)


def serves(access: Access, host: Host, *, decides: bool) -> dict[str, str | None]:
    """Every service of the host's roles. With `decides`, membership in the majority, and a write on the primary."""
    return {name: ask(access, host, decides) for role in host.roles for name, ask in SERVICES.get(role, {}).items()}


def _mysql(access: Access, host: Host, decides: bool) -> str | None:
    """A connection takes a statement; or the server is a member of the majority, and as the primary takes a write."""
    try:
        connection = sql.connect(access.mysql(host), ANSWER_S)
    except (*sql.ERRORS, Problem) as error:
        return sql.cause(error)
    try:
        report = reports.ask(access, connection, host)
        if not decides:
            return None
        if not report.has_majority:
            return f"it is {report.mine.state} in the group, wanted {ONLINE} with a majority"
        for statement in WRITE if report.mine.role == LEADS else ():
            sql.rows(connection, statement)
    except sql.ERRORS as error:
        return sql.cause(error)
    finally:
        reports.close(connection)
    return None


SERVICES: Mapping[str, Mapping[str, Ask]] = {
    "mysqld": {"MySQL": _mysql},
    "proxy": {"HAProxy": front_serving.proxy(MySQLDialect())},
    "app": {"app": front_serving.app},
}
