"""The observer `fence`: what the agents of the fence decide, and whether they act, a host at a time.

One SSH connection per host, opened before the load, over which a program prints the agent's status when it changes and
once a second, and each line of its journal; faults leave SSH alone. A line tells how long ago it was written, by the
host's own clock, so that no two clocks are compared. After an interruption the journal is read from where it was left.
"""

import asyncio
import json
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from firedrill.cluster import clock, fence, ssh
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.inventories import fencing
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Host

SILENT_S = 5.0
PAUSE_S = 0.5
OVERLAP_S = 2  # of the journal, read again after an interruption
# What the agents log, by the judge's names. What they log in addition is their own business.
DECISIONS = {
    "silent": "vote",
    "alive": "veto",
    "decided": "lock",
    "refused": "decline",
    "powered_off": "power",
    "refusing": "block",
    "released": "release",
    "lifted": "lift",
    "accepting": "unblock",
}
PROGRAM = """
import json, subprocess, sys, threading, time

since, unit, file = sys.argv[1:]
lock = threading.Lock()

def say(**found):
    with lock:
        print(json.dumps(found), flush=True)

after = ["-n", "0"] if since == "0" else ["--since", "@%d" % (time.time() - float(since))]
command = ["journalctl", "--quiet", "--follow", "--output", "cat", "--unit", unit, *after]
log = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace")

def journal():
    for line in log.stdout:
        try:
            found = json.loads(line[:4000])
            say(age_s=time.time() - found["at"], line=found)
        except (ValueError, KeyError, TypeError):
            pass

threading.Thread(target=journal, daemon=True).start()
last, said = None, 0.0
try:
    while True:
        try:
            with open(file) as opened:
                status = json.loads(opened.read(65536))
            age = time.time() - status["at"]
        except (OSError, ValueError, KeyError, TypeError):
            status, age = None, 0.0
        state = json.dumps([age < 5, status and [status.get("ok"), status.get("refusing")]])
        if state != last or time.monotonic() - said >= 1:
            last, said = state, time.monotonic()
            say(age_s=age, status=status)
        time.sleep(0.1)
finally:
    log.kill()
"""


async def observe(access: Access, write: Write) -> None:
    """Observe every agent until cancelled. The client is a blocking one, so each host has a thread."""
    lock = threading.Lock()

    def record(kind: str, **fields: Any) -> None:
        with lock:
            write(kind, **fields)

    for host in fence.hosts(access):
        threading.Thread(target=_watch, args=(Follower(host.name, record), host), daemon=True).start()
    await asyncio.Event().wait()


class Follower:
    """One host's agent: its samples and its decisions, each recorded once."""

    def __init__(self, host: str, record: Callable[..., None]) -> None:
        self.host = host
        self._record = record
        self._known: set[tuple[Any, ...]] = set()
        self._heard: int | None = None

    @property
    def since_s(self) -> float:
        """How far back the journal has to be read; 0 at first, when nothing was missed."""
        return 0 if self._heard is None else (clock.now() - self._heard) / clock.SECOND + OVERLAP_S

    def heard(self, found: Mapping[str, Any]) -> None:
        """A line that the program printed. ValueError for one that it cannot have."""
        age_s, now = float(found["age_s"]), clock.now()
        self._heard = now
        if "line" in found:
            self._decision(found["line"], now - max(0, round(age_s * clock.SECOND)))
        else:
            self._sample(found.get("status"), age_s)

    def _sample(self, status: Any, age_s: float) -> None:
        agent = fence.parsed(status, age_s) if status is not None else fence.Agent("it has written no status")
        refusing = [agent.refusing] if agent.refusing else []
        self._record(
            "agent", host=self.host, reachable=True, alive=agent.problem is None, mode=agent.mode, refusing=refusing,
            error=agent.problem,
        )  # fmt: skip

    def _decision(self, line: Any, t: int) -> None:
        what = DECISIONS.get(str(line.get("event"))) if isinstance(line, Mapping) else None
        mark = (line.get("at"), line.get("event"), line.get("reason")) if what else ()
        if what is None or mark in self._known:
            return
        self._known.add(mark)
        about = line.get("leader")
        detail = printable(str(line.get("reason") or ""))[:300]
        self._record(
            "decision", host=self.host, t=t, what=what, about=None if about is None else str(about), detail=detail
        )

    def kept_out(self, error: str) -> None:
        self._record(UNOBSERVED, host=self.host, error=error)

    def unreachable(self, error: str) -> None:
        self._record("agent", host=self.host, reachable=False, alive=None, mode=None, refusing=None, error=error)


def _watch(follower: Follower, host: Host) -> None:
    """Record samples and decisions; when the host falls silent, record that, and connect again."""
    while True:
        try:
            if not ssh.answers(host, 1):
                raise ssh.Unreachable(f"{host.name} does not answer SSH", "")
            with ssh.connect(host) as connection:
                words = [str(round(follower.since_s, 1) or 0), fencing.UNIT, fence.STATUS]
                command = f"python3 -c {shlex.quote(PROGRAM)} {' '.join(map(shlex.quote, words))}"
                running = ssh.Running(connection, command, seconds=SILENT_S)
                while line := running.line():
                    follower.heard(json.loads(line))
                raise ssh.Unreachable(f"{host.name} closed the connection", "")
        except ssh.KEPT_OUT as error:
            follower.kept_out(str(error))
            time.sleep(PAUSE_S)
        except (Problem, *ssh.ERRORS, ValueError, LookupError, TypeError) as error:
            follower.unreachable(str(error) or type(error).__name__)
            time.sleep(PAUSE_S)


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every agent must act, and no host may refuse another one."""
    last = {event["host"]: event for event in events if event["kind"] == "agent"}
    texts = [_state(host.name, last.get(host.name)) for host in fence.hosts(access)]
    wrong = [text for well, text in texts if not well]
    return not wrong, "; ".join(wrong) or f"{len(texts)} agents act, in mode {fencing.mode(access.inventory.hosts)}"


def _state(name: str, event: Event | None) -> tuple[bool, str]:
    if event is None or not event["alive"]:
        return False, f"{name}: {(event or {}).get('error') or 'no sample'}"
    held = ", ".join(event["refusing"] or ())
    return not held, f"{name} refuses {held}" if held else f"{name} acts"


OBSERVER = Observer(
    name="fence",
    interval_ms=2000,
    hosts=fence.hosts,
    observe=observe,
    needed_for="what the fence decided: every verdict on a cluster with a fence",
    found=found,
)
