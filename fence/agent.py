"""The agent: one thread probes, one says what it found, one looks at etcd and acts."""

import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from firedrill.fence import decision, patroni
from firedrill.fence.block import Failed, Refusal
from firedrill.fence.config import Config
from firedrill.fence.enforcer import Enforcer
from firedrill.fence.gateway import Denied, Gateway, Unavailable
from firedrill.fence.judge import Judge
from firedrill.fence.observe import Heard, Prober, Target
from firedrill.fence.patroni import Leader
from firedrill.fence.power import Device
from firedrill.fence.report import Report
from firedrill.fence.store import STATEMENTS, Snapshot, Store

# Seconds between two statements; that of a leader about itself must reach the judges before they decide.
STATEMENT_S, OWN_STATEMENT_S = 1.0, 0.4
# Between two looks at etcd: for some time after the leader has fallen silent, and otherwise.
HURRY_S, LOOK_S = 0.03, 0.2
URGENT_S = 6.0
RENEW_S = 15.0
PROBLEMS = (Unavailable, Denied, Failed, patroni.Unreadable)


class Speaker(threading.Thread):
    """Keeps the agent's lease, and its statement about the leader's host, in a thread of its own."""

    def __init__(self, config: Config, store: Store, heard: Callable[[], Heard], report: Report) -> None:
        super().__init__(name="speaker", daemon=True)
        self._config, self._store, self._heard, self._report = config, store, heard, report
        self._changed = threading.Event()
        self.lease: str | None = None
        self.problem: str | None = "has not reached etcd yet"
        # An enforcer that cannot refuse anybody must not be counted on: it says nothing.
        self.able = True

    def wake(self) -> None:
        """The state has changed: say so now."""
        self._changed.set()

    def run(self) -> None:
        while True:
            self._changed.clear()
            try:
                self._speak()
                self.problem = None
                self._report.forget("unavailable")
            except (Unavailable, Denied) as problem:
                self.problem = str(problem)
                self._report.once("unavailable", str(problem))
            own = self._heard().state == decision.OWN
            self._changed.wait(OWN_STATEMENT_S if own else STATEMENT_S)

    def _speak(self) -> None:
        if self.lease is not None and not self._store.renew(self.lease):
            self.lease = None
        if self.lease is None:
            self.lease = self._store.lease()
        if not self.able:
            return
        heard = self._heard()
        leader = heard.leader or Leader("", 0)
        found = {"leader": leader.name, "epoch": leader.epoch, "state": heard.state}
        self._store.put(STATEMENTS[self._config.role] + self._config.host, found, self.lease)


class Agent:
    """All parts of this host's roles."""

    def __init__(self, config: Config, gateway: Callable[[], Gateway], report: Report, refusal: Refusal) -> None:
        self._config, self._report = config, report
        self._gateway = gateway
        self._store = self._new_store()
        self._prober = Prober(config.interval_ms / 1000, config.misses, self._state_changed)
        self._speaker = Speaker(config, self._new_store(), lambda: self._prober.heard, report)
        device = Device(config.power, config.power_seconds) if config.mode == "power" else None
        self._judge = Judge(config, self._store, device, report) if config.is_judge else None
        self._refusal, self._enforcer = refusal, Enforcer(config, refusal, report) if config.enforces else None
        self._news = threading.Event()
        self._problem: str | None = "has not looked at etcd yet"
        self._renewed = 0.0
        self._shown = 0.0

    def _new_store(self) -> Store:
        return Store(self._gateway(), self._config.patroni_prefix, self._config.prefix)

    def run(self) -> NoReturn:
        """Work until the process ends."""
        self._report.event("started", f"as {', '.join(self._config.roles)} in mode {self._config.mode}")
        if self._config.drilled or self._config.without_refusal:
            self._report.event("unsafe", "a drill has changed this agent: do not use it for real data")
        self._speaker.able = self._able()
        for thread in (self._prober, self._speaker, threading.Thread(target=self._watch, name="watch", daemon=True)):
            thread.start()
        while True:
            self._news.clear()
            self.look()
            self._news.wait(HURRY_S if self._is_urgent() else LOOK_S)

    def _is_urgent(self) -> bool:
        """Whether a failover can be decided now; etcd is not asked that often for as long as it is refused."""
        own = self._prober.heard.own(time.monotonic())
        return own.state == decision.SILENT and own.silent_for_s < URGENT_S

    def _able(self) -> bool:
        """Whether this host could refuse an old leader, tried before it matters."""
        if self._enforcer is None:
            return True
        try:
            self._refusal.prepare()
        except Failed as problem:
            self._report.event("error", f"this host cannot refuse anybody: {problem}")
            return False
        return True

    def _state_changed(self, before: str, heard: Heard) -> None:
        """Of the prober's thread."""
        name = heard.leader.name if heard.leader else ""
        if heard.state in (decision.SILENT, decision.ALIVE) and before != decision.UNKNOWN:
            self._report.event(heard.state, f"{name} is {heard.state}, was {before}", leader=name)
        self._speaker.wake()
        self._news.set()

    def _watch(self) -> None:
        """A change in etcd ends the wait for the next look; without the watch everything works, only later."""
        gateway = self._gateway()
        while True:
            try:
                for _ in gateway.watch(self._config.prefix + "refusal"):
                    self._news.set()
            except (Unavailable, Denied):
                time.sleep(STATEMENT_S)

    # -- one look ----------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read etcd once, and do what follows from it."""
        try:
            self._once()
            self._problem = None
            self._report.forget("failed")
        except PROBLEMS as problem:
            self._problem = str(problem)
            self._report.once("failed", str(problem))
        if time.monotonic() - self._shown >= STATEMENT_S:
            self._shown = time.monotonic()
            self._report.status(self.status(), self._prober.samples)

    def _once(self) -> None:
        observes = self._config.role != decision.PROXY
        snapshot = self._store.snapshot(patroni=observes)
        if observes:
            self._aim(snapshot)
        if self._enforcer:
            self._enforcer.follow(snapshot, self._store, self._speaker.lease)
        if self._judge:
            self._judge.follow(snapshot, self._prober.heard.own(time.monotonic()), self._speaker.lease)
            if time.monotonic() - self._renewed >= RENEW_S:
                self._renewed = time.monotonic()
                self._judge.renew(snapshot)

    def _aim(self, snapshot: Snapshot) -> None:
        key = snapshot.patroni.get("leader")
        leader = Leader(key.value, key.created) if key else None
        if leader is None or leader.name not in self._config.addresses:
            self._prober.aim(None)
        elif leader.name == self._config.host:
            self._prober.aim(None, own=leader)
        else:
            address = self._config.addresses[leader.name]
            self._prober.aim(Target(leader, address, self._open_ports(address, snapshot)))

    def _open_ports(self, address: str, snapshot: Snapshot) -> tuple[int, ...]:
        """Without those that this host refuses itself, or is about to: its own reset is no sign of life."""
        if self._enforcer is None or address not in self._enforcer.refuses(snapshot):
            return self._config.ports
        return tuple(port for port in self._config.ports if port not in self._config.refused_ports.values())

    def status(self) -> dict[str, Any]:
        """For status.json: what the agent is, sees and does."""
        heard = self._prober.heard
        problem = self._problem or self._speaker.problem
        if not self._speaker.able:
            problem = "cannot refuse anybody: nftables does not work here"
        return {
            "ok": problem is None,
            "problem": problem,
            "roles": list(self._config.roles),
            "mode": self._config.mode,
            "leader": heard.leader.name if heard.leader else None,
            "epoch": heard.leader.epoch if heard.leader else None,
            "observed": heard.state,
            "misses": heard.misses,
            "refusing": self._enforcer.refusing if self._enforcer else None,
            "unsafe": self._config.drilled or self._config.without_refusal,
        }
