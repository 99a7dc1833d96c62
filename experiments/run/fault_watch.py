"""Watch the active faults of a run: one that ends before it is healed is recorded with the time."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from firedrill.cluster import ssh
from firedrill.cluster.ssh import Connection
from firedrill.faults import lasting
from firedrill.faults.ledger import Entry
from firedrill.inventories.access import Access

INTERVAL_S = 5
Tell = Callable[[Entry, str, str, int | None], None]


class FaultWatch:
    """Looks at the active faults every INTERVAL_S, over connections of its own. It reports, and never raises."""

    def __init__(self, access: Access, tell: Tell) -> None:
        self._access = access
        self._tell = tell
        self._over = threading.Event()
        self._active: dict[str, Entry] = {}
        self._doubted: set[str] = set()
        self._connections: dict[str, Connection | None] = {}

    def note(self, entry: Entry, phase: str) -> bool:
        """Follow the phases of a fault; whether this one is news. What is being healed is no longer looked at."""
        if phase == "effective":
            self._active[entry.id] = entry
        elif phase == "heal":
            self._active.pop(entry.id, None)
        if phase not in (lasting.STILL, lasting.LAPSED, lasting.UNOBSERVED):
            return True
        if entry.id not in self._active or entry.id in self._doubted:
            return False
        if phase != lasting.STILL:
            self._doubted.add(entry.id)
        return True

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._rounds, name="faults", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()

    def _rounds(self) -> None:
        while not self._over.wait(INTERVAL_S):
            for entry in list(self._active.values()):
                found = self._look(entry)
                if found and found.phase == lasting.LAPSED:
                    self._tell(entry, *found)
        for connection in filter(None, self._connections.values()):
            connection.close()

    def _look(self, entry: Entry) -> lasting.Look | None:
        """None where nothing can be seen of it now: the look before it is healed decides."""
        try:
            if self._connections.get(entry.host) is None and lasting.held_by_host(entry, self._access):
                self._connections[entry.host] = ssh.connect(self._access.inventory[entry.host])
            found = lasting.look(entry, self._access, self._connections)
        except Exception:  # noqa: BLE001 - whatever it is, the run goes on, and the fault is looked at again
            found = None
        if found is None or found.phase == lasting.UNOBSERVED:
            self._connections[entry.host] = None
        return found
