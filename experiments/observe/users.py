"""The users: locust without its web interface, in a process of its own."""

import json
import signal
import subprocess
from pathlib import Path

from firedrill import package
from firedrill.cluster import clock
from firedrill.experiments.model import Load
from firedrill.experiments.observe import priority
from firedrill.inventories.access import Access

STOP_SECONDS = 30


def start(load: Load, access: Access, events: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the users; every request of theirs is recorded in `events`."""
    file = package.file(load.file)  # an absolute path stays as it is
    locust = package.command(
        "locust", "-f", str(file), "--headless", "--host", ",".join(app.url for app in access.http),
        "-u", str(load.total), "-r", str(load.total), "--only-summary", "--loglevel", "WARNING",
    )  # fmt: skip
    environment = package.environment(
        **clock.environment(),
        FIREDRILL_EVENTS=str(events.absolute()),
        FIREDRILL_INVENTORY=str(access.inventory.path),
        FIREDRILL_LOAD=json.dumps({"rates": dict(load.rates), "timeout_s": load.timeout_s}),
    )
    with open(log, "w") as output:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *locust],
            cwd=file.parent,  # locust takes the configuration that it finds in its folder
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    priority.of_session(process.pid)
    return process


def stop(process: subprocess.Popen) -> None:
    """End it in good order, so that its last events are written; hard after a while."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
