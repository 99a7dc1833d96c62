"""Run each observer in a process of its own, which ends when terminated, and when the runner dies."""

import pickle
import subprocess
from pathlib import Path

from firedrill import package
from firedrill.cluster import clock
from firedrill.experiments.observe import priority
from firedrill.inventories.access import Access

Popen = subprocess.Popen[bytes]
STOP_SECONDS = 5


def start(name: str, access: Access, path: Path) -> Popen:
    """Start one; it appends to `path`. It gets addresses and passwords on standard input, never as arguments."""
    observe = package.command("firedrill.experiments.observe", name, str(path))
    command = ["setpriv", "--pdeathsig", "KILL", *observe]
    process = subprocess.Popen(
        command, env=package.environment(**clock.environment()), stdin=subprocess.PIPE, start_new_session=True
    )
    priority.of_session(process.pid)
    assert process.stdin
    try:
        pickle.dump(access, process.stdin)
        process.stdin.close()
    except BaseException:  # Ctrl-C, too: nothing else would end it
        process.kill()
        process.wait()
        raise
    return process


def stop(processes: list[Popen]) -> None:
    """Terminate them; kill those that do not end."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
