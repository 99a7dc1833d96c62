"""The users: locust without its web page, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from firedrill.experiments.model import Load
from firedrill.inventories.access import Access
from firedrill.inventories.read import ROOT

STOP_SECONDS = 30


def start(load: Load, access: Access, events: Path, log: Path) -> subprocess.Popen:
    """Start the users; every request of theirs goes to `events`."""
    command = [
        "setpriv", "--pdeathsig", "KILL",
        sys.executable, "-m", "locust", "-f", load.file, "--headless", "--host", access.http_url,
        "-u", str(load.total), "-r", str(load.total), "--only-summary", "--loglevel", "WARNING",
    ]  # fmt: skip
    environment = os.environ | {
        "FIREDRILL_EVENTS": str(events),
        "FIREDRILL_INVENTORY": str(access.inventory.path),
        "FIREDRILL_LOAD": json.dumps({"rates": dict(load.rates), "timeout_s": load.timeout_s}),
    }
    with open(log, "w") as output:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(process: subprocess.Popen) -> None:
    """End it in good order, so that its last events are written; hard after a while."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
