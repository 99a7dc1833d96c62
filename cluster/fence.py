"""The agents of the fence on the hosts: who has one, whether it works, whom its host refuses. They are only asked."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.inventories import fencing
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Host

FOLDER = "/run/firedrill/fence"
STATUS = f"{FOLDER}/status.json"
TABLE = "table ip firedrill_fence {"  # of nftables, in which an agent refuses an old leader
FRESH_S = 5.0  # an older status is that of a dead agent
MOST_CHARACTERS = 65_536
# The age of the status by the host's own clock, and the status.
LOOK = f"""\
import json, time
text = open({STATUS!r}).read({MOST_CHARACTERS})
print(json.dumps({{"age_s": time.time() - json.loads(text)["at"], "status": json.loads(text)}}))
"""


@dataclass(frozen=True)
class Agent:
    """The agent of one host. `problem`: why it does not work, None if it does; `refusing`: the host that is refused."""

    problem: str | None
    mode: str = ""
    refusing: str | None = None
    unsafe: bool = False


def hosts(access: Access) -> tuple[Host, ...]:
    """The hosts that have an agent; none where there is no fence."""
    if not fencing.enabled(access.inventory.hosts):
        return ()
    return tuple(host for host in access.inventory.hosts if fencing.parts(host))


def parsed(status: Any, age_s: float) -> Agent:
    """What an agent reports about itself; `age_s` is how long ago."""
    if not isinstance(status, Mapping):
        return Agent("its status is no object")
    refusing = status.get("refusing")
    refused = refusing.get("leader") if isinstance(refusing, Mapping) else None
    problem = None if status.get("ok") is True else printable(str(status.get("problem") or "it gives no reason"))[:200]
    if not 0 <= age_s <= FRESH_S:
        problem = f"its last status is {age_s:.0f} s old"
    return Agent(
        problem, str(status.get("mode") or ""), None if refused is None else str(refused), status.get("unsafe") is True
    )


def ask(connection: ssh.Connection) -> Agent:
    """The agent of a host. Raises Problem."""
    shown = ssh.sh(connection, f"python3 -c {shlex.quote(LOOK)} 2>/dev/null", check=False)
    try:
        found = json.loads(shown.splitlines()[-1])
        return parsed(found["status"], float(found["age_s"]))
    except (ValueError, LookupError, TypeError):
        return Agent("it has written no status")


def agents(access: Access) -> dict[str, Agent | None]:
    """Every agent, by host; None of a host that does not answer."""
    asked = hosts(access)
    return dict(zip((host.name for host in asked), each(_of_host, asked), strict=True))


def _of_host(host: Host) -> Agent | None:
    try:
        if not ssh.answers(host):
            return None
        with ssh.connect(host) as connection:
            return ask(connection)
    except Problem:
        return None


def problems(found: Mapping[str, Agent | None]) -> list[str]:
    """What is wrong with the agents, a sentence for each host: dead, changed by a drill, or still refusing another."""
    texts = []
    for name, agent in found.items():
        if agent is None:
            texts.append(f"{name} does not answer, so nothing is known of its agent of the fence")
        elif agent.problem:
            texts.append(f"the fence's agent on {name} does not work: {agent.problem}")
        elif agent.refusing:
            texts.append(f"{name} still refuses {agent.refusing}")
        elif agent.unsafe:
            texts.append(f"the fence's agent on {name} is still changed by a drill")
    return texts


def missing(access: Access) -> str | None:
    """What the fence lacks for the steady state; None if nothing, or if there is none."""
    return next(iter(problems(agents(access))), None)
