"""The observer `leadership`: the primary and its view, as the majority reports them, ten times a second."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from firedrill.cluster.group_replication import reports, view
from firedrill.cluster.group_replication.reports import Poller, Report
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.cluster.on_change import HEARTBEAT_S, on_change
from firedrill.inventories.access import Access


async def observe(access: Access, write: Write) -> None:
    """Record until cancelled."""
    recorded = Recorded(access, write)
    with contextlib.ExitStack() as stack:
        pollers = [stack.enter_context(Poller(access, host)) for host in access.inventory.databases]
        while True:
            await asyncio.sleep(reports.POLL_S)
            recorded.update([poller.report for poller in pollers])


class Recorded:
    """What was recorded last: each fact is recorded when it changes."""

    def __init__(self, access: Access, write: Write) -> None:
        self._access = access
        self._write = write
        self._last: dict[str, dict[str, Any]] = {}
        self._alive = on_change(lambda state: write("alive", **state))
        self._unreachable = on_change(lambda state: write("unreachable", **state))

    def update(self, found: Sequence[Report]) -> None:
        """Record what these reports change."""
        known = reports.believed(found)
        if known is None:
            self._without_majority(found)
            return
        self._alive({"endpoint": known.name})
        leader = known.primary
        self._changed("leadership", holder=leader.name if leader else None, epoch=known.view)
        members = view.of(self._access, found).members
        self._changed("sync", standbys=sorted(member.name for member in members if member.sync))
        self._changed("cluster", members=sorted(row.name for row in known.rows), cannot_lead=[], modes=[])

    def _without_majority(self, found: Sequence[Report]) -> None:
        """Servers that answer and see no majority are an observation: nobody leads. Without an answer there is none.

        Of servers that keep us out nothing is known.
        """
        if answered := [report.name for report in found if report.error is None]:
            self._alive({"endpoint": answered[0]})
            if 2 * len(answered) > len(found):
                self._changed("leadership", holder=None, epoch=None)
        elif kept_out := [f"{report.name}: {report.error}" for report in found if report.kept_out]:
            self._write(UNOBSERVED, error="; ".join(kept_out))
        else:
            self._unreachable({"endpoint": "all servers", "error": view.no_majority(found)})

    def _changed(self, kind: str, **fields: Any) -> None:
        if self._last.get(kind) != fields:
            self._last[kind] = fields
            self._write(kind, **fields)


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """A majority must answer, and there must be a primary."""
    holder = next((event["holder"] for event in events if event["kind"] == "leadership"), None)
    alive = [event["endpoint"] for event in events if event["kind"] == "alive"]
    if not alive:
        refused = [event["error"] for event in events if event["kind"] == "unreachable"]
        return False, refused[-1] if refused else "no server answers"
    if holder is None:
        return False, f"no primary, according to {alive[-1]}"
    return True, f"{holder} is the primary, according to {alive[-1]}"


OBSERVER = Observer(
    name="leadership",
    interval_ms=round(1000 * HEARTBEAT_S),
    observe=observe,
    needed_for="detect, promote: every verdict",
    found=found,
)
