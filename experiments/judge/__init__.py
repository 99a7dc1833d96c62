"""From a recording to findings, and from findings to a verdict."""
