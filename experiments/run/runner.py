"""Walk through an experiment: steady state, load and observers, the steps, heal, look again, judge.

What the runner promises: every fault that it injected is healed before it ends, after Ctrl-C and SIGTERM too; after a
SIGKILL the host's own undo, or the next run, does it. The same holds for the settings that it changed. A run that
began ends with a verdict, whatever raised what.
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firedrill.cluster import clock, verified
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.model import Experiment
from firedrill.experiments.observe import catalogue, priority, tables
from firedrill.experiments.observe.watching import Watch
from firedrill.experiments.observe.writer import Writer
from firedrill.experiments.run import (
    abort,
    alerting,
    clock_watch,
    closing,
    failover,
    fit,
    host_clocks,
    logs,
    needs,
    opening,
    settings,
)
from firedrill.experiments.run.context import Context
from firedrill.experiments.run.guard import Guard
from firedrill.experiments.steps import Heal
from firedrill.faults import ledger
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

STEADY_SECONDS = 60
Tell = Callable[[str], None]


class Run:
    """One run of one experiment, and the folder for what it records."""

    def __init__(self, experiment: Experiment, access: Access, *, seed: int, folder: Path, tell: Tell) -> None:
        self.experiment = fit.within(experiment, access)
        self.access = needs.without_vip(access) if experiment.one_proxy else access
        self.folder = folder
        self.tell = tell
        self.opened = False
        self.steps_done = False
        self.looked_after = False
        clock.begin()
        self.parts = Path(tempfile.mkdtemp(prefix="parts-", dir=folder))
        self.context = Context(self.access, seed=seed, parts=self.parts, tell=tell)
        self.guard = Guard(self.context.record, tell)

    def run(self) -> Verdict:
        """Run it, and return the verdict. Once it has begun, events, verdict and report are in the folder.

        Raises Refused if the inventory lacks what it needs, and whatever kept it from beginning. Ctrl-C and SIGTERM
        are raised again in the end.
        """
        try:
            self._prepare()
        except BaseException:
            self._leave_nothing()
            raise
        with self.guard.part("the cluster's settings"):
            wanted = self.experiment.settings_of(self.context.system.settings(self.access))
            applied = settings.applied(self.access, wanted, self._note_settings)
            with applied, clock_watch.watching(self.parts, self.tell):
                self._open()
                self._walk()
        if not self.opened and self.guard.cause:
            self._leave_nothing()
            raise self.guard.cause
        with self.guard.part("the hosts' logs"):
            logs.collect(self.access, self.parts)
        self.context.record("end", ok=self.guard.cause is None, detail=self.guard.detail, steps_done=self.steps_done)
        self._require_complete_record()
        try:
            verdict = closing.close(self.parts, self.folder, self.tell)
        except OSError as error:
            raise self._unwritable(error) from None
        if self.guard.interrupt:
            raise self.guard.interrupt
        return verdict

    # Before

    def _prepare(self) -> None:
        """Heal and restore what a killed run left, and report it; then: can this experiment run here at all?"""
        entries, damaged = ledger.read(self.access.inventory)
        for problem in damaged:
            self.tell(str(problem))
        for entry in entries:
            self.tell(f"an earlier run left {entry.fault} on {entry.host}: healing it")
        self.context.heal()
        if settings.restore(self.access, self._note_settings):
            self.tell("an earlier run left the cluster's settings changed: they are restored")
        abort.check(self.experiment.abort_when, self.experiment.load.total)
        verified.require(self.access)
        lacking = needs.missing(self.experiment, self.access) or failover.missing(self.experiment, self.access)
        if lacking:
            raise Refused(f"{self.experiment.name} cannot run here: {'; '.join(lacking)}", "")

    def _require_complete_record(self) -> None:
        """Raises Problem if an event could not be written: without it no verdict is sound."""
        with contextlib.suppress(OSError):  # what is still to be written: the same disk
            self.context.writer.close()
        if error := self.context.unwritten:
            raise self._unwritable(error)

    def _unwritable(self, error: OSError) -> Problem:
        return Problem(f"{self.folder} cannot be written ({error})", "all faults are healed; free space, and run again")

    def _leave_nothing(self) -> None:
        with contextlib.suppress(OSError):  # what is still to be written: the same disk
            self.context.writer.close()
        shutil.rmtree(self.parts)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _open(self) -> None:
        self.context.profile = self.context.system.settings(self.access)
        self.context.record("run", **opening.event(self.experiment, self.context))
        self.opened = True

    def _note_settings(self, phase: str, before: Mapping[str, Any], after: Mapping[str, Any], detail: str) -> None:
        self.context.record("settings", phase=phase, before=before, after=after, detail=detail)
        self.tell(f"settings {phase}: {json.dumps(after)} (before: {json.dumps(before)}), {detail}")

    # The walk

    def _walk(self) -> None:
        """The steps under load. What breaks off is followed by healing, and by a look at the cluster."""
        with self.guard.part("the steady state before"):
            self._look_before()
        if self.guard.cause:
            return  # nothing was touched
        watched = self._watch().running()
        with self.guard.part("load and observers"), priority.raised(), watched, self.context.fault_watch.running():
            users = self.parts / f"{catalogue.USERS.name}.jsonl"
            with self.guard.part("a step"), abort.armed(self.experiment.abort_when, users):
                for number, step in enumerate(self.experiment.steps, 1):
                    self.context.step = number
                    self.context.record("step", text=str(step))
                    self.tell(str(step))
                    if isinstance(step, Heal):
                        alerting.hold(self.experiment, self.context)
                    step.carry_out(self.context)
                self.steps_done = True
            self._heal_and_look()
            if not self.guard.cause:
                with self.guard.part("the alerts"):
                    alerting.await_expected(self.experiment, self.context)
        if not self.looked_after:
            self._heal_and_look()
        if not self.guard.interrupt:
            with self.guard.part("the hosts' clocks"):
                host_clocks.compare(self.access, self.context.record)
            with self.guard.part("the tables"):
                self._read_tables()

    def _look_before(self) -> None:
        if not self.context.wait_until_steady("before", STEADY_SECONDS):
            raise Problem("the cluster is not healthy before the run", "repair it first: `experiments doctor`")
        self.context.note_initial_roles()
        host_clocks.compare(self.access, self.context.record)
        tables.prepare(self.access)

    def _heal_and_look(self) -> None:
        with self.guard.part("healing"):
            self.context.heal()
        with self.guard.part("the steady state after"):
            self.context.wait_until_steady("after", STEADY_SECONDS)
            self.looked_after = True

    def _watch(self) -> Watch:
        it, log = self.experiment, self.folder / "locust.log"
        observers = tuple(catalogue.of_run(self.access, it.load, it.observers))
        return Watch(it.load, observers, self.access, self.parts, log, self.context.record, self.tell)

    def _read_tables(self) -> None:
        self.tell("counting the rows")
        with Writer(self.parts / "tables.jsonl", "tables") as write:
            tables.read(self.access, write)
