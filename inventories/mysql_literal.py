"""A text as a literal of MySQL, for statements that take no values."""


def literal(text: str) -> str:
    """With quotes around it, and escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
