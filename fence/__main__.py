"""firedrill-fence: fenced failover in addition to Patroni (docs/fencing.md). Run by firedrill-fence.service.

python3 -m firedrill.fence            work
python3 -m firedrill.fence --check    exit 1, with the reason, unless the agent of this host works
"""

import argparse
import functools
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from firedrill.fence.agent import Agent
from firedrill.fence.block import Refusal
from firedrill.fence.config import Config, Invalid, load
from firedrill.fence.gateway import Gateway, context
from firedrill.fence.report import FOLDER, FRESH_S, STATUS, Report


def check(file: Path = FOLDER / STATUS) -> str | None:
    """Why the agent of this host does not work; None if it does."""
    try:
        shown = json.loads(file.read_text())
        age = time.time() - shown["at"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"the agent has written no status ({error})"
    if not 0 <= age <= FRESH_S:
        return f"the status of the agent is {age:.0f} s old"
    return None if shown["ok"] else str(shown["problem"])


def work(config: Config) -> NoReturn:
    """Run the agent until the process ends."""
    tls = context() if config.etcd[0].startswith("https") else None
    login = (config.user, config.password) if config.user else None
    gateway = functools.partial(Gateway, config.etcd, tls, login)
    write = functools.partial(print, flush=True)
    refusal = Refusal(config.refused_ports["postgres"], config.refused_ports["patroni"])
    Agent(config, gateway, Report(config.host, write=write), refusal).run()


def main() -> int:
    """Exit codes: 0 the agent works, 1 it does not."""
    parser = argparse.ArgumentParser(prog="firedrill-fence", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 unless the agent of this host works")
    problem: str | None
    if parser.parse_args().check:
        problem = check()
    else:
        threading.excepthook = _ended
        try:
            work(load())
        except (Invalid, OSError) as error:
            problem = str(error)
    if problem:
        print(f"firedrill-fence: {problem}", file=sys.stderr)
    return 1 if problem else 0


def _ended(about: threading.ExceptHookArgs) -> None:
    """A thread has failed: end, so that systemd starts the whole agent anew."""
    sys.__excepthook__(about.exc_type, about.exc_value or about.exc_type(), about.exc_traceback)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
