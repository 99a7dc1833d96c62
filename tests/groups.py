"""How the tests are spread over the workers of a parallel run, and what a run leaves behind: nothing.

The tests of one lab are a group, those of any other file are one, too; the labs of a chain are one group together
(tests/labs.py). A group runs on one worker, in order. The groups of labs start first, the longest first. Tests
marked `alone` come last, after every other worker has ended.
"""

import contextlib
import fcntl
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.labs import CHAINS, LABS, run_folder

ALONE = "alone"
# Of the files without a lab those that take the longest, which start first for the same reason.
SLOW = ("test_weather", "test_verdict", "test_ssh", "test_not_sent", "test_page", "test_refusals", "test_events")
# The hosts of several labs weigh far more than one session of this machine, which a run and its commands are.
RUN_NICE = -10
# Labs wait for nobody's processor but their own: what is measured in them must not be the other tests.
UNIT_NICE = 5
NICE = os.getpriority(os.PRIO_PROCESS, 0)
LOCK = pytest.StashKey[int]()


def is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config):
    if not is_worker(config):
        if config.getoption("numprocesses", None):
            config.pluginmanager.register(Times())
        os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="firedrill-tests-")
        os.environ.pop("FIREDRILL_INVENTORY", None)
        _weigh_session(RUN_NICE)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl-C


def _weigh_session(nice: int) -> None:
    with contextlib.suppress(OSError):  # not root, or a kernel without it
        Path("/proc/self/autogroup").write_text(f"{nice}\n")


def pytest_unconfigure(config):
    """Remove what killed workers could not: their labs."""
    if is_worker(config):
        return
    _weigh_session(NICE)
    for note in sorted(run_folder().glob("labs/*")):
        print(f"removing the lab {note.name}, which a killed test left", file=sys.stderr)
        command = [sys.executable, "-m", "firedrill.lab", "-i", note.read_text(), "down", "--force"]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    shutil.rmtree(run_folder())


def group_of(item: pytest.Item) -> str:
    if item.get_closest_marker(ALONE):
        return ALONE
    if marker := item.get_closest_marker("lab"):
        if marker.args[:1] and marker.args[0] in LABS:
            return marker.args[0]
        raise pytest.UsageError(f"{item.nodeid}: the mark `lab` takes a name of tests/labs.py: {', '.join(LABS)}")
    return item.path.stem


def pytest_collection_modifyitems(config, items):
    if "soak" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
    groups = {item: group_of(item) for item in items}
    items.sort(key=lambda item: _rank(groups[item]))
    if is_worker(config):
        _groups_file().write_text(json.dumps({item.nodeid: groups[item] for item in items}))


def _rank(group: str) -> int:
    order = (*LABS, *SLOW)
    if group == ALONE:
        return len(order) + 1
    return order.index(group) if group in order else len(order)


def _groups_file() -> Path:
    """Each worker collects the same tests, and so writes the same text; the scheduler reads it after all have."""
    return run_folder() / "groups.json"


class ByGroup(LoadScopeScheduling):
    """A group is what one worker takes at a time, in the order of collection."""

    @functools.cached_property
    def groups(self) -> dict[str, str]:
        return json.loads(_groups_file().read_text())

    def _split_scope(self, nodeid: str) -> str:
        group = self.groups[nodeid]
        return next((name for name, labs in CHAINS.items() if group in labs), group)


@pytest.hookimpl(optionalhook=True)  # without xdist there is no such hook
def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False
    return ByGroup(config, log)


# A worker holds the run's lock, shared, until its labs are down. The one with the group `alone` takes it for itself.


def pytest_sessionstart(session):
    if is_worker(session.config):
        session.config.stash[LOCK] = os.open(run_folder() / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(session.config.stash[LOCK], fcntl.LOCK_SH)


def pytest_sessionfinish(session):
    if LOCK in session.config.stash:
        os.close(session.config.stash[LOCK])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    os.setpriority(os.PRIO_PROCESS, 0, NICE if item.get_closest_marker("lab") else max(NICE, UNIT_NICE))
    if item.get_closest_marker(ALONE) and LOCK in item.config.stash:
        fcntl.flock(item.config.stash[LOCK], fcntl.LOCK_EX)


# Where the time went, by group


class Times:
    """The reports of a parallel run."""

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []

    def pytest_runtest_logreport(self, report):
        if report.start:  # a worker that died reports no times
            self.reports.append(report)

    def pytest_terminal_summary(self, terminalreporter):
        if not self.reports:
            return
        groups, found = json.loads(_groups_file().read_text()), defaultdict(list)
        for report in self.reports:
            group = groups[report.nodeid]
            found[group if group in (*LABS, ALONE) else "unit"].append((report.start, report.stop))
        terminalreporter.section("groups: start, end, seconds of work")
        began = min(report.start for report in self.reports)
        for group, spans in sorted(found.items(), key=lambda pair: min(pair[1])):
            first, last = min(start for start, _ in spans) - began, max(stop for _, stop in spans) - began
            busy = sum(stop - start for start, stop in spans)
            terminalreporter.line(f"{group:10} {first:6.0f} {last:6.0f} {busy:6.0f}")
