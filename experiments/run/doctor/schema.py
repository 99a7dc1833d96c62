"""The probes' tables: whether they exist, or can be created; those that were created here are dropped again."""

import contextlib
from collections.abc import Iterator

from firedrill.cluster.system import Check
from firedrill.cluster.systems import system_of
from firedrill.experiments.observe import tables
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


@contextlib.contextmanager
def usable(access: Access) -> Iterator[Check]:
    """The probes' tables exist during the body. They are dropped afterwards, unless they existed before."""
    what, needed = "schema", "both probes and the lost writes: every verdict"
    dialect = system_of(access.inventory).dialect
    try:
        exist = dialect.tables_exist(access)
    except Problem as problem:
        yield Check(what, False, problem.cause, needed)
        return
    try:
        yield _created(access, exist, what, needed)
    finally:
        if not exist:
            dialect.drop_tables(access)


def _created(access: Access, exist: bool, what: str, needed: str) -> Check:
    try:
        tables.prepare(access)
    except Problem as problem:
        return Check(what, False, problem.cause, needed)
    found = f"the probes' tables {'exist' if exist else 'can be created'} in {access.data['database']}"
    return Check(what, True, found, needed)
