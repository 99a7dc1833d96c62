"""Walk through an experiment: steady state, load and observers, the steps, heal whatever happens, look again, judge.

What the runner promises: every fault that it injected is healed before it ends, by Ctrl-C and SIGTERM too; after a
SIGKILL the host's own undo, and the next run, do it. It records and does not interpret.
"""

import contextlib
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import psycopg

from experiments import ledger, load, logs, reach, who, whole
from experiments.events import Writer, merge
from experiments.judge import judge
from experiments.model import Experiment, Heal, Inject, Step, UntilWhole, UntilWrites, Wait
from experiments.observers import process
from experiments.recording import load_events
from experiments.report import write_report
from faults import cluster, engine, etcd, remote
from faults import ledger as fault_ledger
from faults.ledger import Entry
from inventories.access import Access
from inventories.errors import Problem
from inventories.read import ROOT

STEADY_SECONDS = 60
OBSERVER_SECONDS = 20
PACKAGES = ("patroni", "postgresql-17", "etcd-server", "haproxy", "keepalived")
Tell = Callable[[str], None]


class Run:
    """One run of one experiment, and the folder that holds what it saw."""

    def __init__(self, experiment: Experiment, access: Access, *, seed: int, folder: Path, tell: Tell) -> None:
        self.experiment, self.not_asked = reach.within(experiment, access)
        self.access = access
        self.seed = seed
        self.folder = folder
        self.tell = tell
        self.random = random.Random(seed)
        self.settings = access.profile
        self.unobserved = reach.unobserved(access)
        self.parts = Path(tempfile.mkdtemp(prefix="parts-", dir=folder))
        self.write = Writer(self.parts / "runner.jsonl", "runner")

    def run(self) -> dict:
        """Run it, and return the verdict. Events, verdict and report are in the folder, whatever happened."""
        self._heal_leftovers()
        self._introduce()
        broke: BaseException | None = None
        try:
            self._walk()
        except (Problem, OSError, psycopg.Error, KeyboardInterrupt, SystemExit) as error:
            broke = error
            self.tell(f"broken off: {_words(error)}")
        logs.collect(self.access, self.parts)
        self.write("end", ok=broke is None, detail=_words(broke) if broke else None)
        verdict = self._finish()
        if broke and not isinstance(broke, Problem):
            raise broke
        return verdict

    # Before

    def _heal_leftovers(self) -> None:
        """What a killed run left is healed before anything else, and said."""
        for entry in fault_ledger.entries(self.access.inventory):
            self.tell(f"an earlier run left {entry.fault} on {entry.host}: healing it")
            engine.heal(entry, self.access, self._record)

    def _introduce(self) -> None:
        inventory, it = self.access.inventory, self.experiment
        self.settings = cluster.settings(self.access)
        self.write(
            "run",
            format=1,
            experiment=it.name,
            title=it.title,
            question=it.question,
            hypothesis=it.hypothesis,
            seed=self.seed,
            inventory=_place(inventory.path),
            profile=self.settings | {"name": self.access.profile_name},
            topology=[{"name": h.name, "address": h.address, "roles": list(h.roles)} for h in inventory.hosts],
            versions=_versions(self.access),
            load={"users": it.load.users, "file": "loadtests/weather.py", "text": str(it.load)},
            steps=[str(step) for step in it.steps],
            expectations=[expectation.event(self.settings) for expectation in it.expectations],
            not_asked=self.not_asked,
            unobserved=self.unobserved,
        )

    def _walk(self) -> None:
        if not self._steady("before", STEADY_SECONDS):
            raise Problem(
                "the cluster is not whole before the run", "mend it first: `faults status`, `patronictl list`"
            )
        self._note_etcd_leader()
        ledger.prepare(self.access)
        with self._observing():
            try:
                for step in self.experiment.steps:
                    self._step(step)
            finally:
                self._heal_all()
            self._steady("after", STEADY_SECONDS)
        self.tell("counting the rows")
        with Writer(self.parts / "ledger.jsonl", "ledger") as write:
            ledger.read(self.access, write)

    def _steady(self, phase: str, seconds: float) -> bool:
        self.tell(f"waiting until the cluster is whole ({phase})")
        state, waited = whole.wait(self.access, seconds, self.tell)
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

    def _note_etcd_leader(self) -> None:
        name = etcd.leader(self.access)
        self.write("note", text=f"etcd's leader was {name or 'not to be found'} when the run began")

    # Load and observers

    @contextlib.contextmanager
    def _observing(self) -> Iterator[None]:
        names = [name for name in process.OBSERVERS if name not in self.unobserved]
        running = [(name, self._start_observer(name)) for name in names]
        users = self._start_users() if self.experiment.load.users else None
        try:
            self._wait_for_words()
            yield
        finally:
            process.stop([observer for _, observer in running])
            if users:
                load.stop(users)
            for name in [*(name for name, _ in running), *(["locust"] if users else [])]:
                self.write("observer", phase="stop", name=name, interval_ms=process.INTERVAL_MS[name])

    def _start_observer(self, name: str) -> subprocess.Popen:
        self.write("observer", phase="start", name=name, interval_ms=process.INTERVAL_MS[name])
        return process.start(name, self.access, self.parts / f"{name}.jsonl")

    def _start_users(self) -> subprocess.Popen:
        self.write("observer", phase="start", name="locust", interval_ms=process.INTERVAL_MS["locust"])
        return load.start(
            self.experiment.load.users, self.access, self.parts / "locust.jsonl", self.folder / "locust.log"
        )

    def _wait_for_words(self) -> None:
        """Until each observer has written its first event; one that stays silent is left to the judge."""
        observers = [name for name in process.OBSERVERS if name not in self.unobserved]
        names = [*observers, *(["locust"] if self.experiment.load.users else [])]
        deadline = time.monotonic() + OBSERVER_SECONDS
        silent = set(names)
        while silent and time.monotonic() < deadline:
            silent = {name for name in silent if not _has_words(self.parts / f"{name}.jsonl")}
            time.sleep(0.1)
        if silent:
            self.tell(f"no word from {', '.join(sorted(silent))} after {OBSERVER_SECONDS} s")
        self.tell(f"load ({self.experiment.load}) and {len(names)} observers are running")

    # Steps

    def _step(self, step: Step) -> None:
        self.write("step", text=str(step))
        self.tell(str(step))
        match step:
            case Wait(seconds, jitter):
                time.sleep(seconds + self.random.uniform(0, self.settings[jitter] if jitter else 0))
            case Inject(fault, target):
                plan = engine.plan(fault, target, self.access)
                engine.inject(plan, self.access, self._record)
            case UntilWrites(within_s):
                self._until_writes(within_s)
            case Heal():
                self._heal_all()
            case UntilWhole(within_s):
                self._steady("after", within_s)

    def _until_writes(self, within_s: float) -> None:
        began = time.time_ns()
        with open(self.parts / "write_probe.jsonl") as file:
            file.seek(0, 2)
            while time.time_ns() - began < within_s * 10**9:
                for line in file:
                    event = json.loads(line) if line.endswith("\n") else {}
                    if event.get("outcome") == "acked" and event["start"] > began:
                        self.tell(f"writes are back after {(event['t'] - began) / 1e9:.2f} s")
                        return
                time.sleep(0.05)
        self.tell(f"no write was acknowledged within {within_s:g} s")

    def _heal_all(self) -> None:
        """All that the ledger holds: it was written before the harm, so Ctrl-C at any moment leaves nothing out."""
        for entry in fault_ledger.entries(self.access.inventory):
            engine.heal(entry, self.access, self._record)

    def _record(self, entry: Entry, phase: str, detail: str, t: int | None) -> None:
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
    """An inventory file as it is named at the root of the repository: the report says how to repeat the run."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _describe(state: whole.State) -> str:
    standbys = ", ".join(state.sync_standbys) or "none"
    return f"whole: leader {state.leader}, synchronous {standbys}, timeline {state.timeline}"


def _has_words(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _versions(access: Access) -> dict[str, str]:
    """Ours, and those of the packages on the first host of each role, as far as it answers."""
    found = {"firedrill": version("firedrill")}
    for role in ("postgres", "etcd", "proxy"):
        for host in access.inventory.role(role)[:1]:
            with contextlib.suppress(remote.Unreachable), remote.connect(host) as connection:
                shown = remote.sh(connection, f"dpkg-query -W {' '.join(PACKAGES)} 2>/dev/null", check=False)
                found |= dict(line.split("\t") for line in shown.splitlines() if line.rstrip("\t").count("\t"))
    return found
