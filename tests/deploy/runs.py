"""Deploys of a lab in tests: what a plan predicts, what a run changes, and runs that are killed."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.labs import ROOT, WITH_US

ENTRY = "deploy/cluster.py"
LEADER = "Create the database on the leader"
Changes = dict[str, list[str]]


def planned(command: Callable, inventory: Path, *more: str) -> Changes:
    """{operation: hosts} of what a plan says will change."""
    done = command("pyinfra", "--dry", "--json", *more, inventory, ENTRY, seconds=300)
    assert done.returncode == 0, done.stderr
    return _named((step["name"], step["hosts_with_change"]) for step in json.loads(done.stdout)["plan"])


def changed(command: Callable, inventory: Path, *more: str) -> Changes:
    """{operation: hosts} of what a run changes."""
    done = command("pyinfra", "-y", "--json", *more, inventory, ENTRY, seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout)["results"]
    assert results["totals"]["error"] == 0
    return _named((step["name"], step["success"]) for step in results["operations"])


def _named(steps: Iterable[tuple[str, list[str]]]) -> Changes:
    return {name: sorted(hosts) for name, hosts in steps if hosts}


def without_waits(changes: Changes) -> Changes:
    """What a plan can know: a wait depends on how fast the cluster is, and who will lead is not known yet."""
    kept = {name: hosts for name, hosts in changes.items() if not name.startswith("Wait ")}
    return kept | ({LEADER: [f"{len(kept[LEADER])} host"]} if LEADER in kept else {})


def started(inventory: Path, *more: str) -> subprocess.Popen[bytes]:
    """A deploy that is running."""
    words = [*WITH_US, str(Path(sys.executable).parent / "pyinfra"), "-y", *more, str(inventory), ENTRY]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed(inventory: Path, after_s: float) -> bool:
    """Start a deploy and send SIGKILL after so long; whether it had not ended before."""
    with started(inventory) as running:
        try:
            running.wait(after_s)
        except subprocess.TimeoutExpired:
            running.kill()
            return True
    return False
