"""What every fault guarantees, and what it is given.

refuse    refuses before anything is touched: wrong options, a missing capability
arm       has the host itself hold the undo, before the injection
ready     prepares the injection and waits for one signal, so that several hosts are hit simultaneously
prove     proves the effect, with its measured size; raises NotEffective where there is none
still     proves right before healing that the effect lasted; raises NotEffective where it ended early
heal      is idempotent, removes only what this injection did, and proves the host clean; raises NotClean
status    asks the host, never our own memory

Errors, all of them a `Problem` with `cause` and `remedy`:

Problem (inventories.errors)
├── Refused        before anything was touched: an option, a guard rail, a capability that is missing
├── NotEffective   injected without effect; it is healed already
├── NotClean       healed, but the host is not clean; it stays in the ledger
│   └── Differs    the undo has run, but what the fault touches is not as before
├── Unhealed       several injections could not be healed; `problems` has each one's error
└── Damaged        a ledger file or a host's journal that cannot be read; `where` names it

A host that does not answer raises `cluster.ssh.Unreachable`, a Problem as well.
"""

import dataclasses
import functools
import re
import secrets
import time
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from firedrill.cluster import ssh
from firedrill.cluster.ssh import Connection
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

ID = re.compile(r"[0-9a-f]{8}")
MOST_CHARACTERS = 4096
MOST_NUMBER = 1e15
MOST_LIMIT_S = 7 * 86400


class Refused(Problem):
    """Refused before any host was changed."""


class NotEffective(Problem):
    """Injected without a proven effect; it is rolled back already."""


class NotClean(Problem):
    """Healed, but the host is not clean: something is left, differs, or does not work. It stays on record."""


class Differs(NotClean):
    """Undone, and something that the fault touches is not as it was before: another program may have changed it."""


class Unhealed(Problem):
    """Some injections could not be healed. `problems`: the error of each; cause and remedy are those of the first."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.cause}{more}", first.remedy)
        self.problems = problems


class Damaged(Problem):
    """A record of an injection that cannot be read."""

    def __init__(self, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{where} is not a valid record of an injection ({why})", remedy)
        self.where = where
        self.why = why


@dataclass(frozen=True)
class Target:
    """One host of one injection.

    `spec` is the target as it was asked for ("leader"), `limit_s` the seconds after which the fault heals by itself,
    `before` what the fault noted of the host before the injection, and `together` every host that this plan hits.
    Until `pending_until` (monotonic) a command that was given to the host's power may still act.
    """

    id: str
    spec: str
    host: Host
    access: Access
    limit_s: float
    connection: Connection | None = None
    before: dict[str, Any] = field(default_factory=dict)
    together: tuple[Host, ...] = ()
    pending_until: float = 0

    @property
    def ssh(self) -> Connection:
        """The connection, for a fault that needs one. Raises Refused, with the reason why there is none."""
        if self.connection is None:
            why = ssh.why_not(self.host)
            raise Refused(why.cause, why.remedy)
        return self.connection


class Trigger(Protocol):
    """A prepared injection: `go` triggers it and returns immediately; `done` waits and returns when it was (ns)."""

    @property
    def text(self) -> str: ...

    def go(self) -> None: ...

    def done(self) -> int: ...


class Fault(Protocol):
    """A frozen dataclass whose fields are its options."""

    kind: ClassVar[str]
    default_limit_s: ClassVar[float]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def heals_itself_on_host(self) -> bool:
        """Whether the host holds the undo; otherwise a process at the controller does."""

    @property
    def may_lock_out(self) -> bool:
        """Whether it could cut off SSH: then a new login is tried, and the host heals itself where none succeeds."""

    def check(self) -> None:
        """Raise Refused where the options alone are wrong; no host is asked."""

    def refuse(self, target: Target) -> None:
        """Raise Refused where it cannot work; touch nothing."""

    def snapshot(self, target: Target) -> dict[str, Any]:
        """What must be the same again, or must have changed, when it is over; kept in the ledger."""

    def commands(self, target: Target) -> list[str]:
        """What will be run, for people to read first (`--dry-run`) and in the report."""

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        """Have the host hold the undo, and the journal next to it."""

    def ready(self, target: Target) -> Trigger:
        """The injection, prepared."""

    def prove(self, target: Target) -> str:
        """Return the evidence of the effect."""

    def still(self, target: Target) -> str | None:
        """Return the evidence that the effect lasts; None for an effect that is momentary. Raises NotEffective.

        Called right before healing, and every few seconds meanwhile: it has to be quick, and changes nothing.
        """

    def heal(self, target: Target) -> str:
        """Undo it, and return the evidence that the host is clean."""

    def status(self, target: Target) -> str:
        """What the host shows of it now."""


def new_id() -> str:
    """An id for one injection: short, and safe in unit names, file names and firewall chains."""
    return secrets.token_hex(4)


def options(fault: Fault) -> dict[str, Any]:
    """The options of a fault, for the ledger and the report."""
    return dataclasses.asdict(fault)


@functools.cache
def option_types(kind: type[Fault]) -> dict[str, type]:
    """The options of a kind of fault, each with its type: str, int, float or bool."""
    hints = typing.get_type_hints(kind)
    return {option.name: hints[option.name] for option in dataclasses.fields(kind)}


def check_options(fault: Fault) -> None:
    """Every option has its type, and a value that makes sense. Raises Refused; no host is asked."""
    for name, kind in option_types(type(fault)).items():
        _check_value(f"--{name.replace('_', '-')}", getattr(fault, name), kind)
    fault.check()


def _check_value(option: str, value: object, kind: type) -> None:
    allowed = (int, float) if kind is float else kind
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):
        raise Refused(f"{option} is {value!r}", f"give a value of type {kind.__name__}")
    if isinstance(value, int | float) and not abs(value) < MOST_NUMBER:  # nan, too
        raise Refused(f"{option} is {value!r}", "give a finite number")
    if isinstance(value, str) and ("\0" in value or len(value) > MOST_CHARACTERS or not _encodes(value)):
        raise Refused(
            f"{option} has {len(value)} characters", f"give at most {MOST_CHARACTERS}, of valid UTF-8, no NUL"
        )


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_limit(limit_s: float) -> None:
    """Raises Refused: no fault is endless."""
    if not 0 < limit_s <= MOST_LIMIT_S:
        raise Refused(f"a limit of {limit_s:g} s", "give a positive duration such as `--for 60s`, of 7 days at most")


def poll(true: Callable[[], bool], seconds: float, step: float = 0.05) -> bool:
    """Ask until the answer is true or the time is over; return the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(step)
    return answer
