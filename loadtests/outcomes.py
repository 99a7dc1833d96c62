"""What became of a request or a statement, as far as a client may know: the rules that users and probes share."""

import json

from firedrill.cluster.outcomes import ACKED, FAILED, UNKNOWN

OK, ERROR = "ok", "error"


def read_outcome(status: int) -> str:
    """What a GET came to: `ok` or `error`. `status` is 0 where no answer came."""
    return OK if 200 <= status < 300 else ERROR


def write_outcome(status: int, body: str | None, error: BaseException | None = None) -> str:
    """What became of a POST: `acked`, `failed` (not written) or `unknown` (perhaps written).

    Only the app can say that a write failed; no answer, or an error page of a proxy in between, says nothing about it.
    Without any connection (`error` says so) nothing was sent.
    """
    if isinstance(error, ConnectionRefusedError):
        return FAILED
    if 200 <= status < 300:
        return ACKED
    if 400 <= status < 500:
        return FAILED
    try:
        said = json.loads(body or "")
    except ValueError:
        return UNKNOWN
    return FAILED if isinstance(said, dict) and said.get("outcome") == FAILED else UNKNOWN
