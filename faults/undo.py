"""The undo that the host itself holds: a transient timer, armed before the harm, and a journal entry beside it.

Nothing trusts SSH, or the controller, to survive: when the limit passes the host heals itself.
"""

import json
import shlex

from faults import remote
from faults.protocol import Target

FOLDER = "/var/lib/faults"


def unit(target: Target) -> str:
    return f"faults-{target.id}"


def commands(target: Target, command: str) -> list[str]:
    """What arming runs on the host."""
    entry = {"id": target.id, "spec": target.spec, "limit_s": target.limit_s, "undo": command, "before": target.before}
    journal = f"{FOLDER}/{target.id}.json"
    whole = f"{command}; rm -f {journal}"
    return [
        f"mkdir -p {FOLDER} && printf %s {shlex.quote(json.dumps(entry))} > {journal}",
        f"systemd-run --quiet --unit={unit(target)} --on-active={target.limit_s:g}s --timer-property=AccuracySec=100ms "
        f"/bin/sh -c {shlex.quote(whole)}",
    ]


def arm(target: Target, command: str) -> None:
    """Have the host run `command` by itself at the limit. Raises Problem, and then nothing was harmed."""
    remote.sh(target.connection, " && ".join(commands(target, command)))


def disarm(target: Target) -> None:
    """Take the timer and the journal entry away; absent is fine."""
    name = unit(target)
    remote.sh(
        target.connection,
        f"systemctl stop {name}.timer {name}.service 2>/dev/null; "
        f"systemctl reset-failed {name}.timer {name}.service 2>/dev/null; rm -f {FOLDER}/{target.id}.json",
        check=False,
    )
