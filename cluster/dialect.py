"""How probes and row counts use a database: connections, statements, and what an outcome means."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

PROBE, USERS = "probe", "forecast"  # the two counted tables: the probe's writes, the users' writes


@dataclass(frozen=True)
class Answer:
    """The outcome of one write: `acked`, `failed` or `unknown`.

    `server` is the address of the node that wrote it, `epoch` that node's epoch. `readonly`: a node refused the write
    because it is a replica. `kept_out`: the client could not verify the server or log in, so it observed nothing.
    `error` is one line.
    """

    outcome: str
    server: str | None = None
    epoch: int | str | None = None
    readonly: bool = False
    kept_out: bool = False
    error: str | None = None


class Lane(Protocol):
    """One connection of a probe: opened by the first write, closed after any error but a refusal by a replica."""

    @property
    def open(self) -> bool: ...

    async def write(self, identity: int) -> Answer:
        """Write one row, with a deadline."""
        ...

    async def close(self) -> None: ...


class NotAnswered(Exception):
    """A statement of a user that was not confirmed: its outcome is `failed`, or `unknown`."""

    def __init__(self, outcome: str, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome


class Session(Protocol):
    """A connection of a user of the event log. Methods raise NotAnswered, and nothing else."""

    def insert(self, identity: str, text: str) -> None:
        """Append an event, in a transaction of its own; again with the same identity if it exists."""
        ...

    def last(self) -> None:
        """Read the last three events."""
        ...

    def close(self) -> None: ...


class Dialect(Protocol):
    """One database's connections and statements. Methods raise Problem where they say so, and nothing else."""

    def front_lane(self, access: Access, connect_s: float, deadline_s: float) -> Lane:
        """A connection to where clients write."""
        ...

    def node_lane(self, access: Access, host: Host, connect_s: float, deadline_s: float) -> Lane:
        """A connection to one node, not through the proxy."""
        ...

    def sessions(self, access: Access, *, writes: bool) -> Callable[[], Session]:
        """What connects users of the event log to where clients write, or read. Raises Problem; a call NotAnswered."""
        ...

    def tables_exist(self, access: Access) -> bool:
        """Whether the probes' tables exist. Raises Problem."""
        ...

    def create_tables(self, access: Access) -> None:
        """Create the probes' tables if needed, and empty them. Raises Problem."""
        ...

    def drop_tables(self, access: Access) -> None:
        """Drop the probes' tables, if they exist. Raises Problem."""
        ...

    def ids(self, access: Access, host: Host, table: str) -> Iterator[list[int] | list[str]]:
        """All ids of a counted table on one node, in pages. Raises Problem."""
        ...

    def write_route_error(self, access: Access, address: str) -> str | None:
        """Why a client that connects to this address for writes does not reach a primary; None if it does."""
        ...

    def read_route(self, access: Access) -> str:
        """The address and port that a client reads from. Raises Problem where it cannot."""
        ...
