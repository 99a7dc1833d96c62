"""Patroni's REST API: the cluster's members, its dynamic configuration, one node's status."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from firedrill.cluster import names, tls_errors
from firedrill.cluster.patroni import answers, mode
from firedrill.cluster.system import PRIMARY, REPLICA, STARTING, Member, View
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

LEADER_ROLES = ("leader", "standby_leader")
PRIMARY_ROLES = ("primary", "master")  # Patroni 3.0 still writes `master`
SYNC_ROLES = ("sync_standby", "quorum_standby")
STREAMING = "streaming"
UP_STATES = ("running", STREAMING)
DEADLINE_S = 3
CHANGE_DEADLINE_S = 5
ACTION_DEADLINE_S = 60


def role(name: str | None, state: str | None) -> str:
    """The neutral role of a node with this role and state in Patroni's terms."""
    if state not in UP_STATES:
        return STARTING
    return PRIMARY if name in (*PRIMARY_ROLES, *LEADER_ROLES) else REPLICA


def view(access: Access) -> View:
    """Ask one node after the other for the cluster until one answers."""
    error = "the inventory has no postgres hosts"
    for host in access.inventory.role("postgres"):
        patroni = access.patroni(host)
        try:
            response = httpx.get(f"{patroni.url}/cluster", timeout=DEADLINE_S, **patroni.httpx)
            return with_streams(_view(answers.json_object(response), access), access)
        except (httpx.HTTPError, ValueError) as problem:  # down, or another server's response
            error = f"{host.name}: {tls_errors.cause(problem, patroni)}"
    return View((), error)


def _view(answer: dict[str, Any], access: Access) -> View:
    rows = answer.get("members")
    if not isinstance(rows, list) or not rows:
        raise ValueError("not Patroni: its answer has no members")
    members = tuple(_member(row, access) for row in rows)
    return View(members, modes=mode.of_cluster(answer, [row["role"] for row in rows]))


def with_streams(found: View, access: Access) -> View:
    """Replicas that the leader streams to as STREAMING: Patroni 3.0 reports every replica as `running`."""
    leader = found.leader
    unclear = [member.name for member in found.members if member is not leader and member.state == "running"]
    if not unclear or leader is None or leader.name not in {host.name for host in access.inventory.role("postgres")}:
        return found
    streams = _streams(access, access.inventory[leader.name])
    return replace(
        found,
        members=tuple(
            replace(member, state=STREAMING, healthy=True)
            if member.name in unclear and member.name in streams
            else member
            for member in found.members
        ),
    )


def _streams(access: Access, leader: Host) -> set[str]:
    """The members that the leader's PostgreSQL streams to, as its Patroni reports; none if it does not answer."""
    patroni = access.patroni(leader)
    try:
        answer = answers.json_object(httpx.get(f"{patroni.url}/patroni", timeout=DEADLINE_S, **patroni.httpx))
    except (httpx.HTTPError, ValueError):
        return set()
    rows = answer.get("replication")
    named = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    streaming = [answers.text(row.get("application_name")) for row in named if row.get("state") == STREAMING]
    return {names.host_of(access, name) for name in streaming if name}


def _member(row: object, access: Access) -> Member:
    """One row of the answer. Raises ValueError."""
    known = row if isinstance(row, dict) else {}
    name, named, state = (answers.text(known.get(key)) for key in ("name", "role", "state"))
    if name is None or named is None or state is None:
        raise ValueError("not Patroni: a member without name, role or state")
    leads = named in LEADER_ROLES
    return Member(
        name=names.host_of(access, name),
        role=PRIMARY if leads else role(named, state),
        state=state,
        epoch=answers.integer(known.get("timeline")),
        lag=answers.integer(known.get("lag")),
        healthy=state == ("running" if leads else STREAMING),
        sync=named in SYNC_ROLES,
        can_lead=mode.may_lead(known.get("tags")),
        tags=mode.shown(known.get("tags")),
    )


def dynamic_configuration(access: Access) -> dict[str, Any]:
    """The dynamic configuration, from the first node that answers. Raises Problem."""
    try:
        return answers.json_object(_config(access, "GET", None))
    except ValueError as error:
        raise Problem(f"Patroni's configuration cannot be read ({error})", "check `ports` in the inventory") from None


def change_configuration(access: Access, patch: Mapping[str, Any]) -> None:
    """Change the dynamic configuration; null removes a key. Raises Problem."""
    _config(access, "PATCH", patch)


def _config(access: Access, method: str, body: Mapping[str, Any] | None) -> httpx.Response:
    last = "the inventory has no postgres hosts"
    for host in access.inventory.role("postgres"):
        patroni = access.patroni_operator(host)
        try:
            return httpx.request(
                method, f"{patroni.url}/config", json=body, timeout=CHANGE_DEADLINE_S, **patroni.httpx
            ).raise_for_status()
        except httpx.HTTPError as error:
            last = f"{host.name}: {cause(error, patroni)}"
    verb = "read" if method == "GET" else "changed"
    raise Problem(f"Patroni's configuration cannot be {verb} ({last})", "check Patroni and etcd there")


def cause(error: httpx.HTTPError, patroni: Endpoint) -> str:
    """Why a request failed: the status and what the server says, or what kept it from answering."""
    if isinstance(error, httpx.HTTPStatusError):
        response = error.response
        said = " ".join(response.text.split())[:60]
        return f"HTTP {response.status_code} {response.reason_phrase}{f': {said}' if said else ''}"
    return tls_errors.cause(error, patroni)


def dcs_last_seen(access: Access, host: Host) -> int | None:
    """When this node's Patroni last had a response from etcd, by its clock; None if it does not report it."""
    patroni = access.patroni(host)
    try:
        response = httpx.get(f"{patroni.url}/patroni", timeout=CHANGE_DEADLINE_S, **patroni.httpx)
        return answers.integer(answers.json_object(response).get("dcs_last_seen"))
    except (httpx.HTTPError, ValueError):
        return None


def post(access: Access, name: str, path: str, body: Mapping[str, Any]) -> str:
    """Have a node's Patroni do something; return its message. Raises Problem."""
    patroni = access.patroni_operator(access.inventory[name])
    try:
        response = httpx.post(f"{patroni.url}{path}", json=body, timeout=ACTION_DEADLINE_S, **patroni.httpx)
    except httpx.HTTPError as error:
        raise Problem(f"{name}: no response to {path} ({tls_errors.cause(error, patroni)})", "check Patroni") from None
    if response.is_error:
        raise Problem(f"{name}: {path} was refused ({response.status_code} {response.text.strip()})", "check Patroni")
    return response.text.strip()
