"""The outcome of a statement that PostgreSQL ended with an error."""

from firedrill.cluster.outcomes import FAILED, UNKNOWN

# After these SQLSTATEs a transaction may have been committed: the server went away during it.
SERVER_GONE = ("57P01", "57P02", "08")
# The server stopped waiting for its synchronous standby: the row is written, and not safe.
CANCELED_WAIT = "wait for synchronous replication"


def sql_outcome(sqlstate: str | None, warned: bool) -> str:
    """The outcome of a statement that was sent and ended with an error; `warned`: the server reported CANCELED_WAIT."""
    lost = sqlstate is None or sqlstate.startswith(SERVER_GONE) or warned
    return UNKNOWN if lost else FAILED
