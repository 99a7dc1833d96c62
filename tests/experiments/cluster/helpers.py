"""What the tests on the full cluster share: a shell on a host, a run, Patroni's settings, a runner to be killed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.cluster.patroni import settings as timings
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.model import Experiment
from firedrill.experiments.run import runner
from firedrill.inventories.access import Access
from tests.labs import ROOT, WITH_US

WHOLE_SECONDS = 120
STALLED = "found that it stalled for"
Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]
# Bounds on times are those of a quiet machine. Here other tests run at the same time: what takes longer than this
# many times its bound is wrong on a busy machine, too.
CEILING = 3
# And rates are at least this part of their bound.
FLOOR = 0.5


def on(ways: Access, name: str, text: str) -> str:
    """Run a shell text on a host."""
    with ssh.connect(ways.inventory[name]) as connection:
        return ssh.sh(connection, text)


def run(ways: Access, experiment: Experiment, folder: Path) -> tuple[dict, list[dict]]:
    """Run it; its verdict.json and its events."""
    verdict = runner.Run(experiment, ways, seed=1, folder=folder, tell=print).run().to_json()
    return verdict, load_events(folder / "events.jsonl")


def drilled(command: Command, *words: object, **options: Any) -> Done:
    """`experiments ...`; once more where this machine was too busy for an observer: that says nothing of a cluster."""
    done = command("experiments", *words, **options)
    return command("experiments", *words, **options) if STALLED in done.stdout else done


def missed(verdict: dict) -> list[dict]:
    """The expectations that were not met; of the bounds on times and rates, those missed by more than this allows."""
    return [item for item in verdict["expectations"] if item["verdict"] != "pass" and not _nearly_met(item)]


def missed_times(verdict: dict) -> list[dict]:
    return [item for item in missed(verdict) if item["metric"].endswith("_ms")]


def _nearly_met(item: dict) -> bool:
    if item["found"] is None:
        return False
    if item["metric"].endswith("_ratio") and item["op"] in (">", ">="):
        return item["found"] >= FLOOR * item["wanted"]
    return item["metric"].endswith("_ms") and item["op"] in ("<", "<=") and item["found"] <= CEILING * item["wanted"]


def configure(ways: Access, **wanted) -> None:
    """Change Patroni's dynamic configuration and wait until every node knows it."""
    rest.change_configuration(ways, wanted)
    timings.until_applied(ways)


# The command, with patience for a cluster that this machine is slow to boot.
PATIENT = """
from firedrill.experiments import __main__
from firedrill.experiments.run import runner

runner.STEADY_SECONDS = {seconds}
__main__.main()
"""


def runner_of(inventory: Path, experiment: str, reports: Path) -> subprocess.Popen:
    """`experiments run`, under way; what it says comes line by line."""
    return under_way(inventory, "run", experiment, "--reports", str(reports))


def under_way(inventory: Path, *arguments: str) -> subprocess.Popen:
    """One of the `experiments` commands, under way."""
    return subprocess.Popen(
        [*WITH_US, sys.executable, "-c", PATIENT.format(seconds=WHOLE_SECONDS), "-i", str(inventory), *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
