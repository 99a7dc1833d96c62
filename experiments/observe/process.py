"""Run each observer in a process of its own, which ends when told, and when the runner dies."""

import pickle
import subprocess
from pathlib import Path

from firedrill import package
from firedrill.inventories.access import Access

OBSERVERS = ("write_probe", "node_probe", "etcd", "patroni", "haproxy")
MORE = ("tcp",)  # only where an experiment asks for it
# How often each speaks at the latest, in ms. A write that hangs is an event only at its deadline.
INTERVAL_MS = {"write_probe": 600, "node_probe": 600, "etcd": 1000, "patroni": 1000, "haproxy": 1000, "locust": 1000}
INTERVAL_MS |= {"tcp": 2000}
STOP_SECONDS = 5


def start(name: str, access: Access, path: Path) -> subprocess.Popen:
    """Start one; it appends to `path`. Addresses and passwords reach it by its standard input, never by arguments."""
    observe = package.command("firedrill.experiments.observe", name, str(path))
    command = ["setpriv", "--pdeathsig", "KILL", *observe]
    process = subprocess.Popen(command, env=package.environment(), stdin=subprocess.PIPE, start_new_session=True)
    assert process.stdin
    try:
        pickle.dump(access, process.stdin)
        process.stdin.close()
    except BaseException:  # Ctrl-C, too: nobody else knows of it yet
        process.kill()
        process.wait()
        raise
    return process


def stop(processes: list[subprocess.Popen]) -> None:
    """End them, hard if need be."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
