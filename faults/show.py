"""Tables of the `faults` command, readable at 80 columns."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from firedrill.cluster.fence import Agent, problems
from firedrill.faults.doctor import Answer
from firedrill.faults.protocol import Fault
from firedrill.inventories.printable import printable


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
    table = Table("fault", "kind", "limit", "what it does, options and defaults", box=box.SIMPLE)
    for row in rows:
        given = "  ".join(f"{option(key)} {value}".rstrip() for key, value in row["options"].items())
        limit = f"{row['default_limit_s']:g} s"
        table.add_row(row["fault"], row["kind"], limit, "\n".join(filter(None, (row["what"], given, " "))))
    Console(markup=False).print(table)


def status(rows: list[dict[str, Any]]) -> None:
    table = Table("id", "fault", "host", "target", "heals in", "injected from", "status")
    for row in rows:
        left = f"{row['heals_in_s']:g} s" if row["heals_in_s"] else "limit is over"
        names = ("id", "fault", "host", "target")
        table.add_row(*(printable(row[name]) for name in names), left, row["injected_from"], printable(row["status"]))
    Console(markup=False).print(table)


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


def fence(agents: dict[str, Agent | None]) -> None:
    """The agents of the fence: what is wrong with them, or that all work. Nothing on a cluster without one."""
    if not agents:
        return
    console, wrong = Console(markup=False), problems(agents)
    console.print(
        "\n".join(map(printable, wrong)) or f"the fence: all {len(agents)} agents work, and no host is refused"
    )


def _grouped(answers: dict[str, Any], everyone: Iterable[str], between: str) -> str:
    groups: dict[str, list[str]] = {}
    for host, text in answers.items():
        groups.setdefault(text, []).append(host)
    lines = [
        f"{_names(hosts, everyone)}{between if text else ''}{printable(text)}" for text, hosts in sorted(groups.items())
    ]
    return "\n".join(lines) or "none"


def _names(hosts: list[str], everyone: Iterable[str]) -> str:
    """The hosts, shortened: `all`, or `db1-3` for three in a row."""
    if len(hosts) > 1 and set(hosts) == set(everyone):
        return "all"
    rows: list[list[str]] = []
    for host in hosts:
        if rows and _number(host) == (_number(rows[-1][-1])[0], _number(rows[-1][-1])[1] + 1):
            rows[-1].append(host)
        else:
            rows.append([host])
    return ", ".join(row[0] if len(row) == 1 else f"{row[0]}-{_number(row[-1])[1]}" for row in rows)


def _number(host: str) -> tuple[str, int]:
    """A name and the number at its end; -1 where it has none."""
    stem = host.rstrip("0123456789")
    return stem, int(host[len(stem) :] or -1)
