"""Refuse what cannot become a cluster before anything is changed: all findings with cause and remedy, exit 2.

Only a deploy imports this module: it needs pyinfra's command line, which patches the process.
"""

import functools
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyinfra import state
from pyinfra.context import ctx_host

from firedrill.deploy import command_line, prediction, systems, topology
from firedrill.deploy.as_root import as_root
from firedrill.deploy.preflight import lock, look, settings
from firedrill.deploy.preflight.finding import REPORT, SETTINGS, Finding, as_json, lines, of_problem
from firedrill.deploy.preflight.login import login
from firedrill.deploy.refused import Refused
from firedrill.deploy.version_checks import check_versions
from firedrill.inventories import certificates, read
from firedrill.inventories.errors import Problem, of_system
from firedrill.inventories.printable import printable

command_line.watch()


def preflight() -> None:
    """Become root, check settings and hosts, and lock the cluster. Refuses with all findings, before any change."""
    if wrong := inventory():  # before a password for sudo is sent to a host
        raise Refused("\n".join(lines(wrong)))
    as_root()
    _stop_at_the_first_failure()
    with _one_at_a_time:
        refusal = _checked(locked=not topology.is_plan())
    if refusal:
        raise Refused(refusal)


def only_look() -> None:
    """Check, and report to the file that $FIREDRILL_PREFLIGHT_REPORT names. Nothing is locked, nothing is refused."""
    if not inventory():
        as_root()
    with _one_at_a_time:
        _reported(Path(os.environ[REPORT]))


_one_at_a_time = threading.Lock()


@functools.cache
def _checked(*, locked: bool) -> str:
    """pyinfra calls a deploy for each host: the first call does the work. Returns why it is refused, or nothing."""
    try:
        if locked:
            lock.on_controller()
        found = findings(leased=locked)
    except Problem as problem:
        return printable(problem)
    refused = [one for one in found if one.refused]
    for text in prediction.lines() if state.should_check_for_changes() and not refused else []:
        print(f"deploy: {text}", file=sys.stderr)
    for line in lines([one for one in found if not one.refused]):
        print(f"deploy: {line}", file=sys.stderr)
    return "\n".join(lines(refused))


@functools.cache
def _reported(file: Path) -> None:
    file.write_text(json.dumps(as_json(findings(leased=False))))


@functools.cache
def inventory() -> list[Finding]:
    """Why the inventory cannot be understood, or no host be trusted."""
    try:
        read.check(topology.path(), topology.hosts())
        systems.current()
    except Problem as problem:
        return [of_problem("inventory", problem)]
    return list(login(topology.hosts()))


def findings(*, leased: bool) -> list[Finding]:
    """All that is wrong. Hosts are not asked if the inventory cannot be understood. Raises Problem if it is locked."""
    if wrong := inventory():
        return wrong
    wrong = settings.check(topology.hosts()) + command_line.unreached()
    wrong += look.findings(leased=leased)
    return wrong if any(one.refused for one in wrong) else wrong + of_versions() + secrets()


def of_versions() -> list[Finding]:
    """What the versions of the databases' packages rule out."""
    first = topology.first("postgres")
    try:
        notices = []
        for target in [
            one for one in state.inventory.get_active_hosts() if first and topology.plain(one.name) == first.name
        ]:
            with ctx_host.use(target):
                notices += check_versions()
    except Problem as problem:
        return [of_problem("versions", problem)]
    return [Finding(SETTINGS, "versions", notice, "", refused=False) for notice in notices]


def secrets() -> list[Finding]:
    """Ask for each secret and make all certificates now: what is not available must not end the deploy halfway."""
    wanted: dict[str, Callable[[], Any]] = {"secrets": _ask_for_secrets}
    if topology.hosts()[0].data["tls"]:
        wanted["certificates"] = topology.certificates
    found = [problem for check, ask in wanted.items() for problem in _had(check, ask)]
    return found or of_members()


def of_members() -> list[Finding]:
    """Certificates of the user that do not tell members of etcd apart."""
    hosts = topology.hosts()
    if not (hosts[0].data["tls"] and hosts[0].data["certificates"] and topology.members("etcd")):
        return []
    if certificates.members_are_named(topology.certificates(), hosts):
        return []
    return [
        Finding(
            SETTINGS,
            "certificates",
            "etcd accepts every client certificate of your CA as that of a member",
            f"issue those of etcd, and no others, with the SAN {certificates.MEMBER}",
            refused=False,
        )
    ]


def _ask_for_secrets() -> None:
    """Also refuse half a rotation: a service with the new password locks out a client with the old one."""
    dict(topology.passwords())
    waiting = topology.rotated()
    if waiting and not topology.complete():
        raise Problem(
            f"new passwords wait for a deploy ({', '.join(waiting)}), and this one leaves out hosts with the old ones",
            "deploy without --limit and --exclude first; remove hosts that no longer exist from the inventory",
        )


def _had(check: str, ask: Callable[[], Any]) -> list[Finding]:
    try:
        ask()
    except (Problem, OSError) as error:
        return [of_problem(check, of_system(error) if isinstance(error, OSError) else error)]
    return []


def check_reached() -> None:
    """Refuse if pyinfra could not connect to a host: for deploys that need no other check.

    It continues without such hosts, and exits with 0.
    """
    if found := command_line.unreached():
        raise Refused("\n".join(lines(found)))


def _stop_at_the_first_failure() -> None:
    """Otherwise pyinfra continues with the remaining hosts when a wait passes its deadline."""
    if state.config.FAIL_PERCENT is None:
        state.config.FAIL_PERCENT = 0
        # pyinfra resets what a deploy file sets at the end of the file, unless it is locked.
        state.config.lock_current_state()
