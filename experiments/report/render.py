"""Fill the templates. What a host, a file or an operator wrote is escaped for the format that it ends up in.

HTML is escaped by Jinja. In Markdown, HTML and link syntax are escaped, in code spans and code blocks the backticks.
Control characters and invisible formatting characters are shown as escape sequences in both.
"""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from firedrill.inventories.printable import printable

MARKDOWN = re.compile(r"([\[\]*])")


def code(text: Any) -> Markup:
    """Text for a code span or a code block of Markdown."""
    return Markup(printable(text).replace("`", "'"))


def cell(text: Any) -> Any:
    """Text for a cell of a Markdown table: one line, without column separators of its own."""
    joined = " ".join(str(text).replace("|", "\\|").split())
    return Markup(joined) if isinstance(text, Markup) else joined


def markdown(text: Any) -> str:
    """Text for a paragraph of Markdown, where it cannot become HTML, a link, a picture or emphasis."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\1", escaped)


def _finalize(clean: Any) -> Any:
    return lambda value: value if isinstance(value, Markup) else clean(value)


def render(template: str, page: Mapping[str, Any]) -> str:
    """Fill a template of this folder with the page's content."""
    clean = markdown if template.endswith(".md.j2") else printable
    return _environment(clean).get_template(template).render(page)


@functools.cache
def _environment(clean: Callable[[Any], str]) -> jinja2.Environment:
    """With its templates compiled once; `clean` makes a value safe where Jinja does not escape it."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize(clean),
    )
    env.filters |= {"cell": cell, "code": code}
    return env
