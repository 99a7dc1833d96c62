"""Whether the services of a host serve: a process that runs is not enough."""

import asyncio
from collections.abc import Mapping

import httpx
import psycopg

from firedrill.cluster import etcd, front_serving, tls_errors
from firedrill.cluster.front_serving import Ask
from firedrill.cluster.outcomes import ACKED
from firedrill.cluster.patroni import rest
from firedrill.cluster.patroni.dialect import PostgresDialect
from firedrill.cluster.patroni.lane import PostgresLane
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

ANSWER_S = 3.0
# The leader commits a message that no table holds; on a standby it is a read.
WRITE = "SELECT CASE WHEN pg_is_in_recovery() THEN 'read' ELSE pg_logical_emit_message(true, 'firedrill', '')::text END"
READ = "SELECT 1"


def serves(access: Access, host: Host, *, decides: bool) -> dict[str, str | None]:
    """Every service of the host's roles. With `decides`, a write on the leader, an etcd read by quorum."""
    return {name: ask(access, host, decides) for role in host.roles for name, ask in SERVICES.get(role, {}).items()}


def _postgresql(access: Access, host: Host, decides: bool) -> str | None:
    """A connection takes a statement, and on the leader a write."""

    async def ask() -> str | None:
        statement = WRITE if decides else READ
        lane = PostgresLane(access.sql_node(host), statement, lambda n: (), lambda row: {}, ANSWER_S, ANSWER_S)
        try:
            answer = await lane.write(0)
        finally:
            await lane.close()
        return None if answer.outcome == ACKED else f"{answer.outcome}: {answer.error}"

    try:
        return asyncio.run(ask())
    except (psycopg.Error, OSError) as error:
        return str(error) or type(error).__name__


def _patroni(access: Access, host: Host, decides: bool) -> str | None:
    """Patroni reports that its PostgreSQL runs."""
    patroni = access.patroni(host)
    try:
        answer = httpx.get(f"{patroni.url}/patroni", timeout=ANSWER_S, **patroni.httpx).json()
        state = answer.get("state") if isinstance(answer, Mapping) else None
    except (httpx.HTTPError, ValueError, OSError) as error:
        return f"its REST API does not answer ({tls_errors.cause(error, patroni)})"
    return None if state in rest.UP_STATES else f"it reports the state {state}"


def _etcd(access: Access, host: Host, decides: bool) -> str | None:
    """The member answers, and knows a leader; or decides, by a linearizable read."""
    endpoint = access.etcd_of(host)
    try:
        with etcd.client(endpoint, ANSWER_S) as client:
            client.status()
            if decides:
                client.get(f"{access.patroni_prefix}leader")
    except etcd.ERRORS as error:
        return f"no answer{' by quorum' if decides else ''} ({etcd.cause(error, endpoint)})"
    return None


SERVICES: Mapping[str, Mapping[str, Ask]] = {
    "postgres": {"PostgreSQL": _postgresql, "Patroni": _patroni},
    "etcd": {"etcd": _etcd},
    "proxy": {"HAProxy": front_serving.proxy(PostgresDialect())},
    "app": {"app": front_serving.app},
}
