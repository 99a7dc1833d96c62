"""The users' access: the app, or reads from the database."""

import httpx

from firedrill.cluster import tls_errors
from firedrill.cluster.system import Check
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem

ANSWER_S = 3
NEEDED = "the read outage, errors of users, 95 % of the load"


def check(access: Access) -> Check:
    if not access.has_app:
        return _without_app(access)
    answers = [_ask(app) for app in access.http]
    return Check("users", all(works for works, _ in answers), "; ".join(text for _, text in answers), NEEDED)


def _ask(app: Endpoint) -> tuple[bool, str]:
    try:
        answer = httpx.get(f"{app.url}/cities", timeout=ANSWER_S, **app.httpx).raise_for_status()
        return True, f"{app.url} answers ({len(answer.json())} cities)"
    except (httpx.HTTPError, ValueError, TypeError) as error:  # the latter two: another program answers
        return False, f"{app.url}: {tls_errors.cause(error, app)}"


def _without_app(access: Access) -> Check:
    """Users of an event log. Their writes are tried with the schema."""
    try:
        where = system_of(access.inventory).dialect.read_route(access)
    except Problem as problem:
        return Check("users", False, problem.cause, NEEDED)
    return Check("users", True, f"no app: users of an event log, who read from {where}", NEEDED)
