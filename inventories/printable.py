"""What a host, a file or a flag says, safe to print: it controls neither a terminal nor the direction of text."""

import unicodedata
from typing import Any


def printable(text: Any) -> str:
    """The text with every control or formatting character but the line break and the tab as an escape sequence."""
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else _escaped(c) for c in str(text))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
