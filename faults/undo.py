"""The undo that the host itself holds: a transient timer, armed before the harm, and a journal entry beside it.

Nothing trusts SSH, or the controller, to survive: when the limit passes the host heals itself. A reboot takes the timer
with it, so a unit of the next boot sets it again for the time that is left.
"""

import json
import shlex
from typing import Any

from firedrill.cluster import ssh
from firedrill.faults.protocol import Target

FOLDER = "/var/lib/faults"
UNITS = "/etc/systemd/system"
RETRY = "--property=Restart=on-failure --property=RestartSec=1 --property=StartLimitIntervalSec=0"
GUARD_SECONDS = 8
BOOT_UNIT = """\
[Unit]
Description=Heal the fault {id} at its limit, over a reboot too
After=systemd-journald.service

[Service]
Type=oneshot
ExecStart=/bin/sh {folder}/{id}.boot
"""


def unit(target: Target) -> str:
    return f"faults-{target.id}"


def file(target: Target, suffix: str) -> str:
    """A file of this injection on the host; healing removes them all."""
    return f"{FOLDER}/{target.id}.{suffix}"


def _boot_unit(target: Target) -> str:
    return f"faults-boot-{target.id}.service"


def _forget(target: Target) -> str:
    boot = _boot_unit(target)
    # After a reboot systemd knows the unit, and would go on listing it.
    return (
        f"rm -f {FOLDER}/{target.id}.* {UNITS}/{boot} {UNITS}/multi-user.target.wants/{boot} && "
        f'{{ [ "$(systemctl show -P LoadState {boot})" != loaded ] || systemctl daemon-reload; }}'
    )


def _timer(target: Target, name: str, seconds: str) -> str:
    # The file is gone where another timer, or a heal, was quicker: then all is undone, and trying again never ends.
    undo = file(target, "undo")
    return (
        f"systemd-run --quiet --collect --unit={name} --on-active={seconds}s --timer-property=AccuracySec=100ms "
        f"{RETRY} /bin/sh -c '{{ [ ! -e {undo} ] || sh {undo}; }} && {_forget(target)} && "
        f"{{ systemctl stop {unit(target)}.timer {unit(target)}-guard.timer 2>/dev/null || true; }}'"
    )


def _write(path: str, text: str) -> str:
    return f"printf %s {shlex.quote(text)} > {path}"


def commands(
    target: Target, undo: str, *, journal: dict[str, Any], files: dict[str, str], guarded: bool = False
) -> list[str]:
    """What arming runs on the host. `guarded`: it heals within GUARD_SECONDS, too, unless a new SSH login succeeds."""
    limit = f"{target.limit_s:g}"
    whole = max(1, round(target.limit_s))
    boot, wants = _boot_unit(target), f"{UNITS}/multi-user.target.wants"
    again = (
        f"left=$(( $(cat {file(target, 'until')}) - $(date +%s) ))\n"
        f"[ $left -gt 0 ] || left=1\n[ $left -le {whole} ] || left={whole}\n"
        f"exec {_timer(target, unit(target), '${left}')}\n"
    )
    lines = [
        f"mkdir -p {FOLDER} {wants}",
        *(_write(file(target, suffix), text) for suffix, text in files.items()),
        _write(file(target, "undo"), undo + "\n"),
        _write(file(target, "boot"), again),
        f"echo $(( $(date +%s) + {whole} )) > {file(target, 'until')}",
        _write(f"{UNITS}/{boot}", BOOT_UNIT.format(id=target.id, folder=FOLDER)),
        f"ln -sf ../{boot} {wants}/{boot}",
        # A power cut loses what was not written out yet, and with it the undo.
        f"sync {FOLDER}/{target.id}.* {FOLDER} {UNITS}/{boot} {wants}",
        _timer(target, unit(target), limit),
    ]
    if guarded and target.limit_s > GUARD_SECONDS:
        lines.append(_timer(target, f"{unit(target)}-guard", f"{GUARD_SECONDS}"))
    return [*lines, _write(file(target, "json"), json.dumps(journal))]


def arm(target: Target, lines: list[str]) -> None:
    """Have the host hold its undo. Raises Problem, and then nothing was harmed."""
    ssh.script(target.ssh, "set -e\n" + "\n".join(lines))


def stand_down_guard(target: Target) -> None:
    """A new login works: the undo at the limit is enough."""
    ssh.sh(target.ssh, f"systemctl stop {unit(target)}-guard.timer", check=False)


def disarm(target: Target) -> str:
    """Take timers, journal and files away, and return what is left of them all the same; absent is fine."""
    names = " ".join(
        f"{unit(target)}{part}.{kind}" for part in ("", "-guard", "-load") for kind in ("timer", "service")
    )
    return ssh.script(
        target.ssh,
        f"systemctl stop {names} 2>/dev/null; systemctl reset-failed {names} 2>/dev/null; {_forget(target)}\n"
        f"systemctl list-units --all --plain --no-legend '{unit(target)}*'; ls {FOLDER} | grep {target.id}",
        check=False,
    )


def journals(connection: ssh.Connection) -> list[dict[str, Any]]:
    """The journal entries on a host, whoever injected them."""
    shown = ssh.sh(connection, f"cd {FOLDER} 2>/dev/null && for one in *.json; do cat $one; echo; done", check=False)
    return [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
