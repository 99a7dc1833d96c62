"""Ask all hosts, once for each deploy: one round trip per host, all at the same time."""

import json
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import gevent
from pyinfra import state
from pyinfra.api import FactBase
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.facts import get_fact
from pyinfra.context import ctx_host

from firedrill.deploy import on_host, topology, versions, wanted
from firedrill.deploy.preflight import data, lock, system
from firedrill.deploy.preflight import hosts as checks
from firedrill.deploy.preflight.finding import Finding
from firedrill.deploy.preflight.seen import Seen
from firedrill.inventories.read import MAJORITIES, Host

PROGRAM = Path(str(on_host.__file__)).parent / "survey.py"
NO_PYTHON = '{"python": false}'


class Survey(FactBase[dict[str, Any]]):
    """What deploy/on_host/survey.py reports; empty if it reports nothing."""

    default = dict

    def command(self, asked: str) -> str:
        run = on_host.command(PROGRAM, asked)
        return f"if command -v python3 >/dev/null; then {run} 2>&1 || true; else echo '{NO_PYTHON}'; fi"

    def process(self, output: list[str]) -> dict[str, Any]:
        try:
            found = json.loads(output[-1])
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"error": output[-1]}


def findings(*, leased: bool) -> list[Finding]:
    """What is wrong with the hosts. `leased`: one of them is locked, too. Raises Problem if another one did."""
    active = {topology.plain(one.name): one for one in state.inventory.get_active_hosts()}
    mine = [host for host in topology.hosts() if host.name in active and not _pretends(active[host.name])]
    complete = all(host.name in active for host in topology.members("proxy"))
    holder = keeper(topology.hosts(), active) if leased else None
    asking = [gevent.spawn(_ask, active[host.name], host, complete, host == holder) for host in mine]
    gevent.joinall(asking)
    seen = [one.get() for one in asking]
    return [*judged(seen), *data.first_members(seen, topology.left_out("etcd"))]


def keeper(hosts: Sequence[Host], active: Collection[str]) -> Host | None:
    """The host that keeps the lock: the first of those that decide by majority, which every controller asks."""
    voters = (host for role in MAJORITIES for host in hosts if role in host.roles)
    return next((host for host in voters if host.name in active), None)


def _ask(target, host: Host, complete: bool, leased: bool) -> Seen:
    """`complete`: all proxies are asked. Otherwise one that is left out may hold the floating address."""
    seen = _survey(target, host, complete)
    is_root = seen.found.get("user") == 0
    if leased and is_root and (seen.found.get("max_sessions") or system.SESSIONS) >= system.SESSIONS:
        lock.on_host_of(target)  # in a second session of the connection
    return seen


def _survey(target, host: Host, complete: bool) -> Seen:
    asked = wanted.of(host, monitored=bool(topology.monitors()))
    if not complete:
        asked.pop("floating", None)
    before = time.time()
    with ctx_host.use(target):
        try:
            found = get_fact(state, target, Survey, kwargs={"asked": json.dumps(asked)}, apply_failed_hosts=False)
        except PyinfraError as error:
            found = {"error": str(error)}
    if reported := found.get("reported"):
        versions.learn(host, reported)
    return Seen(host, found, before, time.time())


def _pretends(target) -> bool:
    """Whether pyinfra only pretends (@fake) that there is a host, and has no answer for it."""
    answers = target.data.get("fake_responses") or {}
    return str(target.name).startswith("@fake/") and not any("python3" in str(asked) for asked in answers)


def judged(all_seen: Sequence[Seen]) -> list[Finding]:
    """Hosts that reported nothing are findings themselves."""
    silent = [_silent(seen) for seen in all_seen if "now" not in seen.found]
    return silent + checks.check([seen for seen in all_seen if "now" in seen.found])


def _silent(seen: Seen) -> Finding:
    if seen.found.get("python") is False:
        return Finding(seen.host.name, "python3", "there is no python3", "install it: apt-get install python3")
    cause = f"it cannot be examined ({seen.found.get('error', 'no answer')})"
    return Finding(seen.host.name, "survey", cause, "log in and run `python3 -c 1` there")
