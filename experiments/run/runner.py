"""Walk through an experiment: steady state, load and observers, the steps, heal whatever happens, look again, judge.

What the runner promises: every fault that it injected is healed before it ends, by Ctrl-C and SIGTERM too; after a
SIGKILL the host's own undo, and the next run, do it. The same holds for the settings that it changed. It records and
does not interpret.
"""

import contextlib
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg

from firedrill.cluster import etcd, operations, patroni
from firedrill.cluster.each import each
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.verdict import judge
from firedrill.experiments.model import (
    Experiment,
    Heal,
    Inject,
    Level,
    Reinitialize,
    Step,
    Switchover,
    UntilCaughtUp,
    UntilSinceFault,
    UntilWhole,
    UntilWrites,
    Wait,
    WriteWal,
)
from firedrill.experiments.observe import logs, process, tables
from firedrill.experiments.observe.watching import Watch, until_writes
from firedrill.experiments.observe.writer import Writer, merge
from firedrill.experiments.report.page import write_report
from firedrill.experiments.run import fit, needs, settings, steady_state, versions, who
from firedrill.faults import engine
from firedrill.faults import ledger as fault_ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Refused, new_id
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory

STEADY_SECONDS = 60
Tell = Callable[[str], None]


class Run:
    """One run of one experiment, and the folder that holds what it saw."""

    def __init__(self, experiment: Experiment, access: Access, *, seed: int, folder: Path, tell: Tell) -> None:
        self.experiment = fit.within(experiment, access)
        self.access = needs.without_vip(access) if experiment.one_proxy else access
        self.seed = seed
        self.folder = folder
        self.tell = tell
        self.random = random.Random(seed)
        self.profile = access.profile
        self.initial: dict[str, str] = {}
        self.first_fault: int | None = None
        self.introduced = False
        self.unobserved = fit.unobserved(access)
        self.began_s = time.time()
        self.parts = Path(tempfile.mkdtemp(prefix="parts-", dir=folder))
        self.write = Writer(self.parts / "runner.jsonl", "runner")

    def run(self) -> dict:
        """Run it, and return the verdict. Events, verdict and report are in the folder, whatever happened.

        Raises Refused where the inventory lacks what it needs, and Problem where it could not begin.
        """
        broke: BaseException | None = None
        try:
            self._begin()
            wanted = self.experiment.settings_of(patroni.settings(self.access))
            with settings.applied(self.access, wanted, self._note_settings):
                self._introduce()
                self._walk()
        except (Problem, OSError, psycopg.Error, KeyboardInterrupt, SystemExit) as error:
            if not self.introduced:
                self._leave_nothing()
                raise
            broke = error
            self.tell(f"broken off: {_words(error)}")
        logs.collect(self.access, self.parts)
        self.write("end", ok=broke is None, detail=_words(broke) if broke else None)
        verdict = self._finish()
        if broke and not isinstance(broke, Problem):
            raise broke
        return verdict

    # Before

    def _begin(self) -> None:
        """What a killed run left is healed before anything else, and said; then: can this be run here at all?"""
        for entry in fault_ledger.entries(self.access.inventory):
            self.tell(f"an earlier run left {entry.fault} on {entry.host}: healing it")
        self._heal_all()
        if settings.restore(self.access, self._note_settings):
            self.tell("an earlier run left Patroni's settings changed: they are as before it again")
        if lacking := needs.missing(self.experiment, self.access):
            raise Refused(f"{self.experiment.name} cannot run here: {'; '.join(lacking)}", "")

    def _leave_nothing(self) -> None:
        self.write.close()
        shutil.rmtree(self.parts)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _introduce(self) -> None:
        inventory, it = self.access.inventory, self.experiment
        self.profile = patroni.settings(self.access)
        self.write(
            "run",
            format=1,
            experiment=it.name,
            title=it.title,
            question=it.question,
            hypothesis=it.hypothesis,
            seed=self.seed,
            inventory=_place(inventory.path),
            profile=self.profile | {"name": self.access.profile_name, "watchdog": _watchdog(inventory)},
            topology=[{"name": h.name, "address": h.address, "roles": list(h.roles)} for h in inventory.hosts],
            versions=versions.found(self.access),
            front=self.access.front,
            load={"users": it.load.total, "file": it.load.file, "rates": dict(it.load.rates),
                  "timeout_s": it.load.timeout_s, "text": str(it.load)},
            steps=[str(step) for step in it.steps],
            expectations=[expectation.event(self.profile) for expectation in it.expectations],
            unobserved=self.unobserved,
        )  # fmt: skip
        self.introduced = True

    def _note_settings(self, phase: str, before: Mapping[str, Any], after: Mapping[str, Any], detail: str) -> None:
        self.write("settings", phase=phase, before=before, after=after, detail=detail)
        self.tell(f"settings {phase}: {json.dumps(after)} (before: {json.dumps(before)}), {detail}")

    def _walk(self) -> None:
        if not self._steady("before", STEADY_SECONDS):
            raise Problem(
                "the cluster is not whole before the run", "mend it first: `faults status`, `patronictl list`"
            )
        self._note_who_is_who()
        tables.prepare(self.access)
        it, log = self.experiment, self.folder / "locust.log"
        watch = Watch(it.load, self._observers, self.access, self.parts, log, self.write, self.tell)
        with watch.running():
            try:
                for step in self.experiment.steps:
                    self._step(step)
            finally:
                self._heal_all()
            self._steady("after", STEADY_SECONDS)
        self.tell("counting the rows")
        with Writer(self.parts / "ledger.jsonl", "ledger") as write:
            tables.read(self.access, write)

    @property
    def _observers(self) -> tuple[str, ...]:
        return tuple(name for name in process.OBSERVERS if name not in self.unobserved) + self.experiment.observers

    def _steady(self, phase: str, seconds: float) -> bool:
        self.tell(f"waiting until the cluster is whole ({phase})")
        state, waited = steady_state.wait(self.access, seconds, self.tell)
        self.write(
            "steady",
            phase=phase,
            ok=state.ok,
            leader=state.leader,
            sync_standbys=list(state.sync_standbys),
            timeline=state.timeline,
            detail=state.detail,
            waited_ms=round(waited * 1000),
        )
        self.tell(state.detail or _describe(state))
        if state.ok:
            self.write("parts", phase=phase, **who.parts(self.access))
        return state.ok

    def _note_who_is_who(self) -> None:
        self.initial = who.initial(patroni.view(self.access))
        name = etcd.leader(self.access)
        self.write("note", text=f"etcd's leader was {name or 'not to be found'} when the run began")

    # Steps

    def _step(self, step: Step) -> None:
        self.write("step", text=str(step))
        self.tell(str(step))
        match step:
            case Wait(seconds, jitter):
                chance = self.random.uniform(0, self.profile[jitter]) if jitter else 0
                time.sleep(seconds + chance)
                if jitter:
                    self._note(f"waited {chance:.3f} s of a {jitter} more, by the seed {self.seed}")
            case UntilSinceFault(bound):
                self._until_since_fault(bound.ms(self.profile) / 1000)
            case Inject():
                self._inject(step)
            case UntilWrites(within_s):
                took = until_writes(self.parts, within_s)
                back = f"writes are back after {took:.2f} s" if took else "no write was acknowledged"
                self.tell(f"{back} (waited up to {within_s:g} s)")
            case Heal():
                self._heal_all()
            case UntilWhole(within_s):
                self._steady("after", within_s)
            case Switchover(within_s):
                self._switchover(within_s)
            case WriteWal(mib):
                try:
                    self._note(operations.write_wal(self.access, mib))
                except Problem as problem:  # a primary that died of it is what some drills are about
                    self._note(str(problem))
            case Reinitialize(target):
                name = self._named(target)
                self._note(f"{name}: {operations.reinitialize(self.access, name)}")
            case Level(name, seconds):
                start = time.time_ns()
                time.sleep(seconds)
                self.write("level", name=name, start=start)
            case UntilCaughtUp(target, within_s):
                self._until_caught_up(self._named(target), within_s)

    def _until_since_fault(self, seconds: float) -> None:
        if self.first_fault is None:
            raise Problem("no fault was injected yet", "this step counts from the first one's harm")
        time.sleep(max(0, self.first_fault / 1e9 + seconds - time.time()))

    def _until_caught_up(self, name: str, within_s: float) -> None:
        took = operations.until_caught_up(self.access, name, within_s)
        t, how = time.time_ns(), None
        if took is not None:
            how = operations.how_it_came_back(self.access, name, self.began_s)
        self.write("caught_up", host=name, t=t, ok=took is not None, by=how)
        self.tell(f"{name}: has caught up by {how}" if how else f"{name}: has not caught up in {within_s:g} s")

    def _note(self, text: str) -> None:
        self.write("note", text=text)
        self.tell(text)

    def _named(self, spec: str) -> str:
        return who.named(spec, self.initial)

    def _inject(self, step: Inject) -> None:
        plan = engine.plan(
            step.fault,
            self._named(step.target),
            self.access,
            limit_s=step.limit_s,
            max_hosts=step.max_hosts,
            allow_quorum_loss=step.allow_quorum_loss,
        )
        engine.inject(plan, self.access, self._record)

    def _switchover(self, within_s: float) -> None:
        """Recorded as a fault that needs no healing."""
        fields = {"id": new_id(), "fault": "switchover", "target": "leader", "args": {}}
        began, old = time.time_ns(), operations.leader(self.access)
        self.write("fault", host=old, phase="inject", detail=f"POST /switchover {old}", t=began, **fields)
        self.first_fault = self.first_fault or began
        old, new, said = operations.switchover(self.access, within_s)
        for phase, detail in (("effective", said), ("heal", "nothing to heal"), ("clean", f"{new} leads")):
            self.write("fault", host=old, phase=phase, detail=detail, **fields)
        self.tell(f"switchover from {old} to {new}: {said}")

    def _heal_all(self) -> None:
        """All that the ledger holds, at once, since some are only well when others are (etcd waits for its quorum).

        It was written before the harm, so Ctrl-C at any moment leaves nothing out.
        """
        entries = fault_ledger.entries(self.access.inventory)
        each(lambda entry: engine.heal(entry, self.access, self._record), entries)

    def _record(self, entry: Entry, phase: str, detail: str, t: int | None) -> None:
        if phase == "inject" and self.first_fault is None:
            self.first_fault = t
        self.write(
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

    # After

    def _finish(self) -> dict:
        """Merge, judge, report."""
        self.write.close()
        events = self.folder / "events.jsonl"
        count = merge(sorted(self.parts.glob("*.jsonl")), events)
        for part in self.parts.iterdir():
            part.unlink()
        self.parts.rmdir()
        self.tell(f"judging {count} events")
        return judge_file(events, self.folder)


def judge_file(events_file: Path, folder: Path | None = None) -> dict:
    """Judge recorded events; with a folder, write verdict and report there."""
    events = load_events(events_file)
    verdict = judge(events)
    if folder:
        (folder / "verdict.json").write_text(json.dumps(verdict, indent=1) + "\n")
        write_report(events, verdict, folder)
    return verdict


def _place(path: Path) -> str:
    """An inventory file as it is named in the present folder: the report says how to repeat the run."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _describe(state: steady_state.State) -> str:
    standbys = ", ".join(state.sync_standbys) or "none"
    return f"whole: leader {state.leader}, synchronous {standbys}, timeline {state.timeline}"


def _watchdog(inventory: Inventory) -> str:
    """The mode of the watchdog that the inventory wants; Patroni's own settings do not tell it."""
    return inventory.role("postgres")[0].data["watchdog"]["mode"]


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
