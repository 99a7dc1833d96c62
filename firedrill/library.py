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
    """A fault that is active. All mappings are by host name.

    `ids`: the id of the injection, eight hexadecimal digits. `evidence`: the proof of its effect, in words. `lapsed`:
    why the effect ended before it was healed, only for hosts where it did; filled at the end of the `with` block.
    """

    fault: Fault
    ids: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    lapsed: dict[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts on which it was proven effective."""
        return list(self.ids)


class Cluster:
    """The cluster of an inventory file. Default: $FIREDRILL_INVENTORY, ./inventories/lab.py, or the package's own lab.

    Raises InventoryProblem. Progress goes to the logger `firedrill` (level INFO). No host is contacted yet.
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
        """The database members with role and state, as the cluster reports them now.

        If no member answers, it has no members, and `error` is the reason.
        """
        return self.system.view(self.access)

    @property
    def leader(self) -> str | None:
        """The name of the current leader; None if there is none, or if no member answers."""
        leader = self.view().leader
        return leader.name if leader else None

    @property
    def sync_standbys(self) -> tuple[str, ...]:
        """The names of the sync standbys, which hold every acknowledged write."""
        return self.view().sync_standbys

    @property
    def missing(self) -> str | None:
        """What is missing from the steady state, in words; None if the cluster is in its steady state."""
        view = self.view()
        return view.error or self.system.missing(self.access, view)

    def deploy(self) -> None:
        """Deploy the cluster, as `pyinfra -y INVENTORY firedrill.deploy.cluster.deploy` does, and wait until it works.

        Raises Problem with the last line of pyinfra's output.
        """
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
        """Inject a fault for the duration of a `with` block: proven at its start, healed and proven clean at its end.

        `target` is a host's name, `leader`, `sync_standby`, ... as in `faults inject`. It also heals by itself after
        `limit_s` seconds (by default the fault's own limit, at most 7 days), even if this process dies. `max_hosts`:
        refuse a target with more hosts. `allow_quorum_loss`: allow a majority of the etcd members. `unsteady`: inject
        even if the cluster is not in its steady state.

        Raises Refused before anything is touched, NotEffective if there is no effect (rolled back), Unhealed if healing
        fails, another Problem if the target is unknown or a host is unreachable.
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
        """Heal every active fault that this machine injected into the cluster. Raises Unhealed with all errors."""
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

        `seed` is that of all random choices, by default a random one, which the verdict records. `backend` injects all
        faults; Refused names the faults that it does not support. Events, verdict.json and the report go to `folder`,
        by default a new one in `reports`.

        Raises Problem if the run cannot begin, or if its folder cannot be written. Otherwise every outcome, also an
        error in a step, is a verdict. Ctrl-C is raised again after healing and judging.
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
