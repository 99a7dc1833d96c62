"""The outcome of a request or a statement as far as a client can know it: rules shared by users and probes."""

import json
import ssl

from firedrill.cluster.outcomes import ACKED, FAILED, UNKNOWN

OK, ERROR = "ok", "error"
NOT_SENT = "not sent"  # the error of a request that the load generator did not send begins so


def read_outcome(status: int) -> str:
    """The outcome of a GET: `ok` or `error`. `status` is 0 without an answer."""
    return OK if 200 <= status < 300 else ERROR


def write_outcome(status: int, body: str | None, error: BaseException | None = None) -> str:
    """The outcome of a POST: `acked`, `failed` (not written) or `unknown` (possibly written).

    Only the app knows that a write failed; without an answer, or with an error page of a proxy, the outcome is unknown.
    If the connection was refused, or the server's certificate (`error`), nothing was sent.
    """
    if isinstance(error, ConnectionRefusedError | ssl.SSLCertVerificationError):
        return FAILED
    if 200 <= status < 300:
        return ACKED
    if 400 <= status < 500:
        return FAILED
    try:
        answer = json.loads(body or "")
    except ValueError:
        return UNKNOWN
    return FAILED if isinstance(answer, dict) and answer.get("outcome") == FAILED else UNKNOWN
