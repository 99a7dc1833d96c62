"""Whether the database answers, checked in the background, so that the health check never waits."""

import threading
import time

from .database import Database

EVERY = 1.0


class Health:
    """The last known state of both pools; initially not answering."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pools = {"write": database.write_pool, "read": database.read_pool}
        self.state = dict.fromkeys(self._pools, False)

    def look(self) -> None:
        """Check both pools once."""
        for name, pool in self._pools.items():
            self.state[name] = self._database.answers(pool, timeout=EVERY)

    def watch(self) -> None:
        """Check continuously, in a daemon thread."""
        threading.Thread(target=self._forever, name="health", daemon=True).start()

    def _forever(self) -> None:
        while True:
            self.look()
            time.sleep(EVERY)
