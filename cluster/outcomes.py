"""The outcome of a write as far as a client can know: acknowledged, not written, or perhaps written."""

ACKED, FAILED, UNKNOWN = "acked", "failed", "unknown"
