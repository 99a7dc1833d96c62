"""The observer `members`: what each server reports of itself, ten times a second."""

import asyncio
import contextlib
from typing import Any

from firedrill.cluster import observer
from firedrill.cluster.group_replication import reports, view
from firedrill.cluster.group_replication.reports import Poller, Report
from firedrill.cluster.observer import UNOBSERVED, Write
from firedrill.cluster.on_change import on_change
from firedrill.inventories.access import Access

UNREACHABLE = dict.fromkeys(("role", "state", "epoch", "lag", "pending_restart"))


async def observe(access: Access, write: Write) -> None:
    """Record until cancelled."""
    with contextlib.ExitStack() as stack:
        async with asyncio.TaskGroup() as group:
            for host in observer.every_database(access):
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


OBSERVER = observer.members(observe)
