"""The labs of the tests: one table of names, which numbers their networks and orders the groups of a parallel run.

Each lab has a name and a network of its own, so that all can be up at the same time. $FIREDRILL_TEST_LABS, one letter,
moves them all, so that two checkouts can be tested at the same time.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A command ends with the process that started it, also when that is killed.
WITH_US = ("setpriv", "--pdeathsig", "KILL")
MARK = os.environ.get("FIREDRILL_TEST_LABS", "t")
NETWORK = f"10.{80 + ord(MARK) - ord('a')}"
# An ordinary SSH user of a lab, with a password for sudo; root cannot log in there.
USER = {"ssh_user": "drill", "sudo": {"password_env": "FIREDRILL_TEST_SUDO"}}
PASSWORD = "pa'ss w$rd"
os.environ["FIREDRILL_TEST_SUDO"] = PASSWORD
# Of the labs of a chain one is up at a time: together they are one group. A drill measures, and another beside it would
# be part of what it measures. A kernel per host takes much of a processor; `kern` is one of drills, and last, when the
# chain of kernels has long ended.
CHAINS = {
    "drills": ("suite", "broken", "foreign", "cluster", "crowded", "kern"),
    "kernels": ("vms", "netem", "uml"),
}
# Each of the others is a group of its own. A parallel run starts the groups in this order: the longest first.
LABS = (
    *CHAINS["drills"],
    *CHAINS["kernels"],
    "net",
    "killed",
    "library",
    "monitor",
    "fence",
    "bare",
    "mysql",
    "faults",
    "soak",
    "hosts",
    "other",
    "many",
)


def place(name: str) -> tuple[str, str]:
    """The name and the network (three octets) of a test's lab."""
    return f"{MARK}-{name}", f"{NETWORK}.{1 + LABS.index(name)}"


def run_folder() -> Path:
    """The state of this test run: passwords, active faults, the labs that are up. Deleted at its end."""
    return Path(os.environ["XDG_STATE_HOME"])
