"""What an observer is: one row. Common observers are in experiments/observe; a database system brings its own."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

EVERY_HOST = "every host"
Event = dict[str, Any]


class Write(Protocol):
    """Appends one event to the observer's file."""

    def __call__(self, kind: str, *, host: str | None = None, t: int | None = None, **fields: Any) -> None: ...


@dataclass(frozen=True)
class Observer:
    """A process of its own that appends events until it is terminated, and interprets nothing.

    `interval_ms`: the longest time between two events while all is well; five times that is a gap.
    `role`: the role whose hosts it reports on one by one, EVERY_HOST for all, None where its events name no host.
    `observe`: runs until it is cancelled. None: another program writes the events (the load generator).
    `on_request`: runs only for experiments that ask for it.
    `may_be_left_out`: an inventory can name it in `unobserved`.
    `required`: without it, or with a gap in it, a verdict is *unknown*.
    `found`: what its first events show, for the doctor: whether it works here, and a sentence.
    """

    name: str
    interval_ms: int
    role: str | None
    observe: Callable[[Access, Write], Coroutine[Any, Any, None]] | None
    needed_for: str
    found: Callable[[Access, Sequence[Event]], tuple[bool, str]] | None = None
    required: bool = True
    on_request: bool = False
    may_be_left_out: bool = False

    def hosts(self, access: Access) -> tuple[Host, ...] | None:
        """The hosts that it reports on one by one; None where its events name no host."""
        if self.role is None:
            return None
        return access.inventory.hosts if self.role == EVERY_HOST else access.inventory.role(self.role)
