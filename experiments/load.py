"""The users: locust without its web page, in a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from inventories.access import Access
from inventories.read import ROOT

STOP_SECONDS = 15


def start(users: int, access: Access, events: Path, log: Path) -> subprocess.Popen:
    """Start the users; every request of theirs goes to `events`."""
    command = [
        "setpriv", "--pdeathsig", "KILL",
        sys.executable, "-m", "locust", "-f", "loadtests/weather.py", "--headless", "--host", access.http_url,
        "-u", str(users), "-r", str(users), "--only-summary", "--loglevel", "WARNING",
    ]  # fmt: skip
    environment = os.environ | {"FIREDRILL_EVENTS": str(events), "FIREDRILL_INVENTORY": str(access.inventory.path)}
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
