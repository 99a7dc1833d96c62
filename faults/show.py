"""Tables of the `faults` command, readable at 80 columns."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from firedrill.faults.doctor import Answer
from firedrill.faults.protocol import Fault


def describe(name: str, kind: type[Fault]) -> dict[str, Any]:
    """A fault for `faults list`."""
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    what = (kind.__doc__ or "").strip().splitlines()[0]
    return {
        "fault": name,
        "kind": kind.kind,
        "options": defaults,
        "default_limit_s": kind.default_limit_s,
        "what": what,
    }


def option(name: str) -> str:
    """A field's name as an option of the command line."""
    return f"--{name.replace('_', '-')}"


def catalogue(rows: list[dict[str, Any]]) -> None:
    table = Table("fault", "kind", "options and defaults", "limit", "what it does", show_lines=True)
    for row in rows:
        given = "\n".join(f"{option(key)} {value}".rstrip() for key, value in row["options"].items())
        table.add_row(row["fault"], row["kind"], given, f"{row['default_limit_s']:g} s", row["what"])
    Console().print(table)


def status(rows: list[dict[str, Any]]) -> None:
    table = Table("id", "fault", "host", "target", "heals in", "injected from", "status")
    for row in rows:
        left = f"{row['heals_in_s']:g} s"
        table.add_row(row["id"], row["fault"], row["host"], row["target"], left, row["injected_from"], row["status"])
    Console().print(table)


def doctor(found: dict[str, dict[str, Answer]], tools: dict[str, str | None]) -> None:
    """One row a fault, with the hosts that give the same answer together."""
    table = Table("fault", "hosts that can", "hosts that cannot, and why", show_lines=True)
    for name in next(iter(found.values()), {}):
        answers = {host: row[name] for host, row in found.items()}
        can = {host: answer.given for host, answer in answers.items() if answer.reason is None}
        cannot = {host: answer.reason for host, answer in answers.items() if answer.reason is not None}
        table.add_row(name, _grouped(can, found, " with "), _grouped(cannot, found, ": "))
    console = Console(markup=False)
    console.print(table)
    for tool in sorted(filter(None, set(tools.values()))):
        console.print(f"firewall faults by {tool}: {_names([host for host in tools if tools[host] == tool], tools)}")


def _grouped(answers: dict[str, Any], everyone: Iterable[str], between: str) -> str:
    groups: dict[str, list[str]] = {}
    for host, text in answers.items():
        groups.setdefault(text, []).append(host)
    lines = [f"{_names(hosts, everyone)}{between if text else ''}{text}" for text, hosts in groups.items()]
    return "\n".join(lines) or "none"


def _names(hosts: list[str], everyone: Iterable[str]) -> str:
    return "all" if len(hosts) > 1 and set(hosts) == set(everyone) else ", ".join(hosts)
