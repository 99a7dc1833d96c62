"""What every fault promises, and what it is handed.

refuse    says no before anything is touched: bad options, a capability that is missing
arm       has the host itself hold the undo, before the harm
ready     makes the harm wait for one word, so that several hosts are struck together
prove     proves the effect, with its measured size; raises NotEffective where it finds none
heal      is idempotent, removes only what this injection did, and proves the host clean; raises NotClean
status    reads the host, never our own memory

Problem (inventories.errors)
├── Refused        before anything was touched: a guard rail, a capability that is missing
├── NotEffective   the harm was done and did not bite; it is healed already
└── NotClean       healed, and yet something differs from before
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

from fabric import Connection

from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


class Refused(Problem):
    """Refused before anything was touched."""


class NotEffective(Problem):
    """Injected without the effect that it should have."""


class NotClean(Problem):
    """Healed, and the host is not as it was before."""


@dataclass(frozen=True)
class Target:
    """One host that one injection is about.

    `spec` is what was asked for ("leader"), `limit_s` the seconds after which the fault heals by itself, `before` what
    the fault noted of the host before it harmed, and `together` every host that this plan hits.
    """

    id: str
    spec: str
    host: Host
    access: Access
    limit_s: float
    connection: Connection | None = None
    before: dict[str, Any] = field(default_factory=dict)
    together: tuple[Host, ...] = ()

    @property
    def ssh(self) -> Connection:
        """The connection, where the fault cannot do without. Raises Refused."""
        if self.connection is None:
            raise Refused(f"{self.host.name} does not answer SSH", "is it on?")
        return self.connection


class Strike(Protocol):
    """The harm, all prepared: `go` lets it loose and returns at once, `done` waits for it and says when it was (ns)."""

    text: str

    def go(self) -> None: ...

    def done(self) -> int: ...


class Fault(Protocol):
    """A frozen dataclass whose fields are its options."""

    kind: ClassVar[str]
    default_limit_s: ClassVar[float]
    heals_itself_on_host: ClassVar[bool]
    may_lock_out: ClassVar[bool]

    def refuse(self, target: Target) -> None:
        """Raise Refused where it cannot work; touch nothing."""

    def snapshot(self, target: Target) -> dict[str, Any]:
        """What must be the same again, or must have changed, when it is over; kept in the ledger."""

    def commands(self, target: Target) -> list[str]:
        """What will be run, for people to read before (`--dry-run`) and in the report."""

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        """Have the host hold the undo, and the journal beside it."""

    def ready(self, target: Target) -> Strike:
        """The harm, prepared."""

    def prove(self, target: Target) -> str:
        """Return the evidence of the effect."""

    def heal(self, target: Target) -> str:
        """Undo it, and return the evidence that the host is clean."""

    def status(self, target: Target) -> str:
        """What the host shows of it now."""


def new_id() -> str:
    """An id for one injection: short, and safe in unit names, file names and firewall chains."""
    return secrets.token_hex(4)


def options(fault: Fault) -> dict[str, Any]:
    """The options of a fault, for the ledger and the report."""
    return asdict(fault)  # type: ignore[call-overload]


def poll(true: Callable[[], bool], seconds: float, step: float = 0.05) -> bool:
    """Ask until the answer is true or the time is over; return the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(step)
    return answer
