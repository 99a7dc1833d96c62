"""The tables whose rows are counted: created before a run, read completely after it."""

from firedrill.cluster.dialect import PROBE, USERS
from firedrill.cluster.systems import system_of
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def prepare(access: Access) -> None:
    """Create the probes' tables, and empty them. Raises Problem."""
    system_of(access.inventory).dialect.create_tables(access)


def read(access: Access, write: Writer) -> None:
    """Record every id that the tables hold on the leader. Raises Problem."""
    leader = system_of(access.inventory).view(access).leader
    if leader is None:
        raise Problem("no leader to read the tables from", "the verdict will be unknown")
    for table in (PROBE, USERS):
        _read(access, table, leader.name, write)


def _read(access: Access, table: str, leader: str, write: Writer) -> None:
    count = 0
    for ids in system_of(access.inventory).dialect.ids(access, access.inventory[leader], table):
        write("present", host=leader, table=table, ids=ids)
        count += len(ids)
    write("present_end", host=leader, table=table, count=count, leader=leader)
