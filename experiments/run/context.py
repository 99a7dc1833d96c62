"""What the steps of a run share: the cluster, the seed, the events file, faults injected and healed."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firedrill.cluster import clock, membership
from firedrill.cluster.systems import system_of
from firedrill.experiments.observe import alert_waits
from firedrill.experiments.observe.watching import until_writes
from firedrill.experiments.observe.writer import Writer
from firedrill.experiments.run import roles, steady_state
from firedrill.experiments.run.fault_watch import FaultWatch
from firedrill.faults import engine, ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Fault
from firedrill.inventories.access import Access

Tell = Callable[[str], None]


class Context:
    """The StepContext of experiments/model.py. It records and does not interpret."""

    def __init__(self, access: Access, *, seed: int, parts: Path, tell: Tell) -> None:
        self.access = access
        self.system = system_of(access.inventory)
        self.seed = seed
        self.random = random.Random(seed)
        self.profile: Mapping[str, Any] = access.profile
        self.began_s = clock.now() / clock.SECOND
        self.first_fault: int | None = None
        self.step = 0  # the number of the step that is carried out
        self.injected: dict[int, int] = {}  # by step: when its first fault was injected
        self.initial: dict[str, str] = {}
        self.parts = parts
        self.tell = tell
        self.unwritten: OSError | None = None
        self.fault_watch = FaultWatch(access, self.record_fault)
        self.writer = Writer(parts / "runner.jsonl", "runner")

    def record(self, kind: str, *, host: str | None = None, t: int | None = None, **fields: Any) -> None:
        """Write an event. A full disk must not keep a fault from being healed: the error is kept for the end."""
        try:
            self.writer(kind, host=host, t=t, **fields)
        except OSError as error:
            if self.unwritten is None:
                self.tell(f"an event cannot be written: {error}")
            self.unwritten = self.unwritten or error

    def note(self, text: str) -> None:
        self.record("note", text=text)
        self.tell(text)

    def note_initial_roles(self) -> None:
        """The hosts that `initial_leader` and the like name from now on."""
        view = self.system.view(self.access)
        self.initial = roles.initial(view, membership.unwatched(self.access, view))
        if role := self.system.coordinator_role:
            leader = self.system.roles(self.access).coordinator_leader
            self.record("note", text=f"{role}'s leader was {leader or 'not found'} when the run began")

    def named(self, target: str) -> str:
        return roles.named(target, self.initial)

    def inject(
        self, fault: Fault, target: str, *, limit_s: float | None, max_hosts: int, allow_quorum_loss: bool
    ) -> None:
        plan = engine.plan(
            fault,
            self.named(target),
            self.access,
            limit_s=limit_s,
            max_hosts=max_hosts,
            allow_quorum_loss=allow_quorum_loss,
        )
        engine.inject(plan, self.access, self.record_fault)

    def heal(self) -> None:
        """Everything in the faults' ledger, after a look at whether it was in effect until now.

        An entry is written before its injection, so that Ctrl-C at any moment misses none.
        """
        engine.heal_all(ledger.entries(self.access.inventory), self.access, self.record_fault)

    def record_fault(self, entry: Entry, phase: str, detail: str, t: int | None) -> None:
        if not self.fault_watch.note(entry, phase):
            return
        if phase == "inject" and self.first_fault is None:
            self.first_fault = t
        if phase == "inject":
            self.injected.setdefault(self.step, t or clock.now())
        self.record(
            "fault",
            phase=phase,
            id=entry.id,
            fault=entry.fault,
            target=entry.spec,
            host=entry.host,
            args=entry.options,
            detail=detail,
            t=t,
        )
        self.tell(f"{entry.fault} of {entry.spec} ({entry.host}): {phase}: {detail}")

    def wait_for_write(self, seconds: float) -> float | None:
        return until_writes(self.parts, seconds)

    def wait_for_alert(self, name: str, seconds: float) -> float | None:
        if (known := self.access.monitoring) is None:
            return None
        name, since = known.names.get(name) or name, max(self.injected.values(), default=0)
        received = bool(known.receivers)
        return alert_waits.until_delivered(self.parts, name, since, seconds, received=received)

    def wait_for_calm(self, seconds: float) -> float | None:
        return alert_waits.until_calm(self.parts, self.first_fault or clock.now(), seconds)

    def wait_until_steady(self, phase: str, seconds: float) -> bool:
        self.tell(f"waiting for the steady state ({phase})")
        state, waited = steady_state.wait(self.access, seconds, self.tell)
        self.record(
            "steady",
            phase=phase,
            ok=state.ok,
            leader=state.leader,
            sync_standbys=list(state.sync_standbys),
            epoch=state.epoch,
            detail=state.detail,
            unwatched=list(membership.unwatched(self.access, state.view)),
            cannot_lead=list(membership.cannot_lead(state.view)),
            modes=list(state.view.modes),
            waited_ms=round(waited * 1000),
        )
        self.tell(state.detail or str(state))
        if state.ok:
            moving = system_of(self.access.inventory).roles(self.access)
            holders = list(moving.address_holders)
            self.record(
                "roles",
                phase=phase,
                coordinator_leader=moving.coordinator_leader,
                address_holder=holders[0] if len(holders) == 1 else None,
                address_holders=holders,
            )
        return state.ok
