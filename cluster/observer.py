"""An observer is one row. The common ones are in experiments/observe/catalogue.py; a database system brings its own."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

Event = dict[str, Any]
# The kind of event that is no sample: the client could not verify the server, or was not let in.
UNOBSERVED = "unobserved"


class Write(Protocol):
    """Appends one event to the observer's file."""

    def __call__(self, kind: str, *, host: str | None = None, t: int | None = None, **fields: Any) -> None: ...


def every_host(access: Access) -> tuple[Host, ...]:
    """For observers that report on all hosts of the inventory."""
    return access.inventory.hosts


def every_member_answers(hosts: Sequence[Host], events: Sequence[Event]) -> tuple[bool, str]:
    """Whether each host was reachable in its last `member` event, and its role or why not."""
    last = {event["host"]: event for event in events}
    nothing = {"reachable": False, "error": "no sample"}
    states = {host.name: last.get(host.name, nothing) for host in hosts}
    text = "; ".join(f"{name} {state['role' if state['reachable'] else 'error']}" for name, state in states.items())
    return all(state["reachable"] for state in states.values()), text


@dataclass(frozen=True)
class Observer:
    """A process of its own that appends events until it is terminated, and interprets nothing.

    `interval_ms`: the longest time between two events while all is well; five times that is a gap.
    `hosts`: the hosts that it must report on one by one, if its events name hosts; with none of them it has nothing to
    observe.
    `observe`: runs until it is cancelled. None: another program writes the events (the load generator).
    `on_request`: runs only for experiments that ask for it.
    `may_be_left_out`: an inventory can name it in `unobserved`.
    `found`: what its first events show, for the doctor: whether it works here, and a sentence about it.
    """

    name: str
    interval_ms: int
    observe: Callable[[Access, Write], Coroutine[Any, Any, None]] | None
    hosts: Callable[[Access], tuple[Host, ...]] | None = None
    needed_for: str = ""
    found: Callable[[Access, Sequence[Event]], tuple[bool, str]] | None = None
    on_request: bool = False
    may_be_left_out: bool = False

    def names(self, access: Access) -> list[str] | None:
        """The names of the hosts that it must report on; None where its events name no host."""
        return None if self.hosts is None else [host.name for host in self.hosts(access)]

    def check(self, access: Access, events: Sequence[Event]) -> tuple[bool, str]:
        """What its first events show. By default, any event is well."""
        samples = [event for event in events if event.get("kind") != UNOBSERVED]
        kept_out = {event["host"]: event["error"] for event in events if event.get("kind") == UNOBSERVED}
        if kept_out:
            return False, "; ".join(f"{host}: {error}" if host else error for host, error in kept_out.items())
        return self.found(access, samples) if self.found else (bool(samples), f"{len(samples)} events")


def every_database(access: Access) -> tuple[Host, ...]:
    """For observers that report on the databases of the inventory."""
    return access.inventory.databases


def members(observe: Callable[[Access, Write], Coroutine[Any, Any, None]]) -> Observer:
    """The row `members` of a system: what each database reports of itself."""
    return Observer(
        name="members",
        interval_ms=1000,
        hosts=every_database,
        observe=observe,
        needed_for="who was primary when: every verdict",
        found=lambda access, events: every_member_answers(every_database(access), events),
    )
