"""A cluster as a Python value: query it, break it in a `with` block, drill it, read the typed verdict."""

import contextlib
import logging
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from firedrill import package
from firedrill.cluster.system import View
from firedrill.cluster.systems import system_of
from firedrill.experiments import lookup
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.model import Experiment
from firedrill.experiments.run import fit, folders
from firedrill.experiments.run.runner import Run
from firedrill.faults import engine, ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Fault
from firedrill.faults.steady import refuse_drill, refuse_unsteady
from firedrill.inventories.access import access
from firedrill.inventories.drill_lock import only_one
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, read

LOG = logging.getLogger("firedrill")


@dataclass
class Injected:
    """A fault that is active: its id on each host, and the proof of its effect there, by host name.

    `lapsed` says of each host on which the effect had ended before it was healed, why; it is known after the block.
    """

    fault: Fault
    ids: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    lapsed: dict[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> list[str]:
        return list(self.ids)


class Cluster:
    """The cluster of an inventory file. Without one: $FIREDRILL_INVENTORY, ./inventories/lab.py, or our own lab.

    Raises InventoryProblem. Progress goes to the logger `firedrill`.
    """

    def __init__(self, inventory: str | Path | None = None) -> None:
        self.inventory = read(inventory)
        self.access = access(self.inventory)
        self.system = system_of(self.inventory)

    def __repr__(self) -> str:
        return f"Cluster({str(self.inventory.path)!r})"

    @property
    def hosts(self) -> tuple[Host, ...]:
        """All hosts, in the inventory's order."""
        return self.inventory.hosts

    def view(self) -> View:
        """The database members with role and state, as the cluster reports them now."""
        return self.system.view(self.access)

    @property
    def leader(self) -> str | None:
        """The current leader; None if there is none."""
        leader = self.view().leader
        return leader.name if leader else None

    @property
    def sync_standbys(self) -> tuple[str, ...]:
        """The hosts that hold every acknowledged write now."""
        return self.view().sync_standbys

    @property
    def missing(self) -> str | None:
        """What is missing from the steady state now; None where nothing is."""
        view = self.view()
        return view.error or self.system.missing(self.access, view)

    def deploy(self) -> None:
        """Provision the cluster, as `pyinfra -y INVENTORY firedrill.deploy.cluster.deploy` does. Raises Problem."""
        command = package.command("pyinfra", "-y", str(self.inventory.path), "firedrill.deploy.cluster.deploy")
        done = subprocess.run(
            command, capture_output=True, text=True, env=package.environment(), stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
            raise Problem(f"{self.inventory.path} was not deployed ({last})", f"run `{' '.join(command[2:])}`")

    @contextlib.contextmanager
    def inject(
        self,
        fault: Fault,
        target: str,
        *,
        limit_s: float | None = None,
        max_hosts: int = engine.MAX_HOSTS,
        allow_quorum_loss: bool = False,
        unsteady: bool = False,
    ) -> Iterator[Injected]:
        """Inject a fault for the time of a `with` block: proven when it begins, healed and proven clean when it ends.

        It also heals by itself after `limit_s` (by default the fault's own limit), even if this process dies.
        `target` is a host's name, `leader`, `sync_standby`, ... as in `faults inject`. `unsteady`: inject although the
        cluster is not in its steady state. Raises Refused, NotEffective, Unhealed.
        """
        plan = engine.plan(
            fault,
            target,
            self.access,
            limit_s=limit_s,
            max_hosts=max_hosts,
            allow_quorum_loss=allow_quorum_loss,
        )
        if not unsteady:
            refuse_unsteady(self.access, plan.hosts)
        refuse_drill(self.access)
        found = Injected(fault)

        def tell(entry: Entry, phase: str, detail: str, t: int | None) -> None:
            LOG.info("%s %s %s: %s: %s", entry.host, entry.fault, entry.id, phase, detail)
            if phase == "effective":
                found.ids[entry.host], found.evidence[entry.host] = entry.id, detail
            elif phase == "lapsed":
                found.lapsed[entry.host] = detail

        with engine.injected(plan, self.access, tell):
            yield found

    def heal(self) -> None:
        """Heal every fault that this machine injected into the cluster and that is still active. Raises Unhealed."""
        engine.heal_all(ledger.entries(self.inventory), self.access, _log)

    def run(
        self,
        experiment: str | Experiment,
        *,
        seed: int | None = None,
        backend: str | None = None,
        reports: str | Path = "reports",
        folder: str | Path | None = None,
    ) -> Verdict:
        """Run an experiment and judge it, as `experiments run` does: a name, `./mine.py`, or an Experiment.

        `backend` carries out all its faults; Refused names the faults that it cannot carry out.
        Events, verdict.json and the report go to `folder`, by default a new one below `reports`. Raises Problem where
        it could not begin; from then on every outcome is a verdict.
        """
        it = experiment if isinstance(experiment, Experiment) else lookup.find(experiment)
        it = fit.by_backend(it, backend) if backend else it
        place = Path(folder) if folder else folders.of_run(Path(reports), it.name)
        place.mkdir(parents=True, exist_ok=True)
        seed = random.SystemRandom().randrange(2**31) if seed is None else seed
        with only_one(self.inventory):
            return Run(it, self.access, seed=seed, folder=place, tell=LOG.info).run()


def _log(entry: Entry, phase: str, detail: str, t: int | None) -> None:
    LOG.info("%s %s %s: %s: %s", entry.host, entry.fault, entry.id, phase, detail)
