"""The observer `members`: what each server reports of itself, ten times a second."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from firedrill.cluster.group_replication import reports, view
from firedrill.cluster.group_replication.reports import Poller, Report
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write, every_member_answers
from firedrill.cluster.on_change import on_change
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

UNREACHABLE = dict.fromkeys(("role", "state", "epoch", "lag", "pending_restart"))


def databases(access: Access) -> tuple[Host, ...]:
    return access.inventory.databases


async def observe(access: Access, write: Write) -> None:
    """Record until cancelled."""
    with contextlib.ExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            for host in databases(access):
                group.create_task(_server(host.name, stack.enter_context(Poller(access, host)), write))


async def _server(name: str, poller: Poller, write: Write) -> None:
    record = on_change(lambda state: write("member", host=name, **state))
    while True:
        await asyncio.sleep(reports.POLL_S)
        report = poller.report
        if report.kept_out:
            write(UNOBSERVED, host=name, error=report.error)
        else:
            record(state(report))


def state(report: Report) -> dict[str, Any]:
    """The fields of an event."""
    if report.error is not None:
        return UNREACHABLE | {"reachable": False, "error": report.error}
    mine = report.mine
    return {
        "reachable": True,
        "role": view.role(mine),
        "state": mine.state,
        "epoch": report.view,
        "lag": None,
        "pending_restart": False,
        "error": None,
    }


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every server must be reachable."""
    return every_member_answers(databases(access), events)


OBSERVER = Observer(
    name="members",
    interval_ms=1000,
    hosts=databases,
    observe=observe,
    needed_for="who was primary when: every verdict",
    found=found,
)
