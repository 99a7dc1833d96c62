"""Whether a host's kernel answers: a connection to any of several ports that is made or refused.

A slow process leaves the kernel answering. Only a host that is off, paused or cut off is silent on all ports.
"""

import errno
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from firedrill.fence import decision
from firedrill.fence.decision import Own
from firedrill.fence.patroni import Leader

ANSWERED = (0, errno.ECONNREFUSED)
# The network of this host itself, which says nothing about the other.
NO_NETWORK = (errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS)


class Target(NamedTuple):
    """The leader's host, and the ports to connect to."""

    leader: Leader
    address: str
    ports: tuple[int, ...]


def probe(address: str, ports: Sequence[int], timeout_s: float) -> str:
    """One sample: whether the kernel at this address answers on any port."""
    began = time.monotonic()
    opened, network = [], False
    try:
        for port in ports:
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            opened.append(one)
            one.setblocking(False)
            code = one.connect_ex((address, port))
            if code in ANSWERED:
                return decision.ALIVE
            network = network or code not in NO_NETWORK
        answered = _any_answers(opened, began + timeout_s)
    except OSError:
        return decision.UNKNOWN
    finally:
        for one in opened:
            one.close()
    return decision.sample(answered, time.monotonic() - began, timeout_s, network=network)


def _any_answers(opened: Sequence[socket.socket], ends: float) -> bool:
    """Wait for the first answer. Asked once more at the end: this process may be late, an answer is then there."""
    waiting = list(opened)
    while waiting:
        left = max(0.0, ends - time.monotonic())
        _, ready, failed = select.select([], waiting, waiting, left)
        done = {*ready, *failed}
        if any(one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in ANSWERED for one in done):
            return True
        waiting = [one for one in waiting if one not in done]
        if not left:
            return False
    # All failed, such as with "no route to host": as silent as no answer.
    time.sleep(max(0.0, ends - time.monotonic()))
    return False


@dataclass(frozen=True)
class Heard:
    """What the samples of one target tell so far."""

    leader: Leader | None = None
    state: str = decision.UNKNOWN
    misses: int = 0
    first_miss: float = 0.0
    ever: bool = False

    def after(self, sample: str, began: float, limit: int) -> "Heard":
        """With one more sample. A host that was never heard is unknown: silence of a closed port proves nothing."""
        if sample == decision.ALIVE:
            return Heard(self.leader, decision.ALIVE, ever=True)
        if sample == decision.UNKNOWN or not self.ever:
            return replace(self, state=decision.UNKNOWN)
        misses = self.misses + 1
        state = decision.SILENT if misses >= limit else decision.MISSING
        return replace(self, state=state, misses=misses, first_miss=self.first_miss or began)

    def own(self, now: float) -> Own:
        return Own(self.state, self.misses, now - self.first_miss if self.first_miss else 0.0)


class Prober(threading.Thread):
    """Probes its target at the interval, in a thread of its own: no call to etcd delays a sample."""

    def __init__(self, interval_s: float, limit: int, changed: Callable[[str, Heard], None]) -> None:
        super().__init__(name="prober", daemon=True)
        self._interval_s, self._limit, self._changed = interval_s, limit, changed
        self._lock = threading.Lock()
        self._target: Target | None = None
        self._heard = Heard()
        self.samples: dict[str, int] = dict.fromkeys((decision.ALIVE, decision.MISSING, decision.UNKNOWN), 0)

    @property
    def heard(self) -> Heard:
        with self._lock:
            return self._heard

    def aim(self, target: Target | None, *, own: Leader | None = None) -> None:
        """Probe this target from now on; None: nothing, `own` being the leadership of this host if it leads."""
        leader = target.leader if target else own
        with self._lock:
            if leader != self._heard.leader:
                self._heard = Heard(leader, decision.OWN if own else decision.UNKNOWN)
            self._target = target

    def run(self) -> None:
        due = time.monotonic()
        while True:
            self._once()
            due = max(due + self._interval_s, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _once(self) -> None:
        with self._lock:
            target = self._target
        if target is None:
            return
        began = time.monotonic()
        found = probe(target.address, target.ports, self._interval_s)
        self.samples[found] += 1
        with self._lock:
            before = self._heard
            if self._target != target:  # of other ports: this host may have refused one of them itself
                return
            self._heard = heard = before.after(found, began, self._limit)
        if heard.state != before.state:
            self._changed(before.state, heard)
