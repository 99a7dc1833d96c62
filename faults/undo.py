"""The undo that the host itself holds: a transient timer, armed before the injection, and a journal next to it.

Neither SSH nor the controller has to survive: when the limit passes the host heals itself. The limit is a point in
time: a daemon-reload starts a timer that counts from its own start (`--on-active`) anew, but not one that counts from
the start of systemd (`--on-startup`). A reboot loses the timer, so a unit of the next boot sets it for what is left.
"""

import base64
import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from firedrill.cluster import ssh
from firedrill.cluster.ssh import Connection
from firedrill.faults import ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Damaged, Target

FOLDER = "/var/lib/faults"
UNITS = "/etc/systemd/system"
RETRY = "--property=Restart=on-failure --property=RestartSec=1 --property=StartLimitIntervalSec=0"
GUARD_SECONDS = 8
MARK = "firedrill-journal"
OVER = "over"  # the suffix of the file that says that the undo has begun
# Each journal on a line of its own, name and content encoded: neither a login banner nor any content can forge one.
READ = f"""\
cd {FOLDER} 2>/dev/null || exit 0
for one in *.json; do
  [ -f "$one" ] || continue
  echo "{MARK} $(printf %s "$one" | base64 -w0) $(head -c {ledger.MOST_BYTES + 1} -- "$one" | base64 -w0)"
done
"""
# Sets `since`: microseconds since systemd started, by CLOCK_MONOTONIC, which its timers go by. /proc/uptime also counts
# the time that the machine was suspended, and in LXC it counts from the container's start.
SINCE = """\
read -r up rest </proc/uptime; up=$((${up%.*} * 1000000 + (1${up#*.} - 100) * 10000))
began=$(systemctl show -P UserspaceTimestampMonotonic); grep -q ' /proc/uptime ' /proc/mounts && began=0
[ "$(cat /sys/power/suspend_stats/success 2>/dev/null || echo 0)" = 0 ] ||
  up=$(python3 -ISc 'import time; print(time.monotonic_ns() // 1000)' 2>/dev/null || echo $up)
since=$((up - ${began:-0}))"""
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
    """The shell text that sets a timer, after SINCE. A daemon-reload moves `--on-active`, but not the other."""
    # The file is gone if another timer, or a heal, was faster: then all is undone, and retrying would never end.
    undo = file(target, "undo")
    return (
        f"systemd-run --quiet --collect --unit={name} --on-active={seconds}s "
        f'--on-startup="${{since}}us {seconds}s" --timer-property=AccuracySec=100ms '
        f"{RETRY} /bin/sh -c 'touch {file(target, OVER)} 2>/dev/null; "
        f"{{ [ ! -e {undo} ] || sh {undo}; }} && {_forget(target)} && "
        f"{{ systemctl stop {unit(target)}.timer {unit(target)}-guard.timer 2>/dev/null || true; }}'"
    )


def armed_text(target: Target) -> str:
    """The shell condition that the undo has not begun. The undo creates OVER before it undoes anything.

    So an injection that finds the condition true when it has ended will be undone, and one that does not must undo
    itself.
    """
    return f"{{ [ -e {file(target, 'json')} ] && [ ! -e {file(target, OVER)} ]; }}"


def is_armed(target: Target) -> bool:
    """Whether the host still holds the undo, and has not begun it. Raises Unreachable."""
    return ssh.script(target.ssh, f"{armed_text(target)} && echo armed", check=False) == "armed"


def _write(path: str, text: str) -> str:
    return f"printf %s {shlex.quote(text)} > {path}"


def commands(
    target: Target, undo: str, *, journal: dict[str, Any], files: dict[str, str], guarded: bool = False
) -> list[str]:
    """What arming runs on the host. `guarded`: it also heals after GUARD_SECONDS unless a new SSH login succeeds."""
    seconds = max(1, round(target.limit_s))
    boot, wants = _boot_unit(target), f"{UNITS}/multi-user.target.wants"
    again = (
        f"left=$(( $(cat {file(target, 'until')}) - $(date +%s) ))\n"
        f"[ $left -gt 0 ] || left=1\n[ $left -le {seconds} ] || left={seconds}\n"
        f"{SINCE}\n{_timer(target, unit(target), '${left}')}\n"
    )
    lines = [
        f"mkdir -p {FOLDER} {wants}",
        *(_write(file(target, suffix), text) for suffix, text in files.items()),
        _write(file(target, "undo"), undo + "\n"),
        _write(file(target, "boot"), again),
        f"echo $(( $(date +%s) + {seconds} )) > {file(target, 'until')}",
        _write(f"{UNITS}/{boot}", BOOT_UNIT.format(id=target.id, folder=FOLDER)),
        f"ln -sf ../{boot} {wants}/{boot}",
        # A power cut loses what was not written to disk yet, and with it the undo.
        f"sync {FOLDER}/{target.id}.* {FOLDER} {UNITS}/{boot} {wants}",
        SINCE,
        _timer(target, unit(target), f"{target.limit_s:g}"),
    ]
    if guarded and target.limit_s > GUARD_SECONDS:
        lines.append(_timer(target, f"{unit(target)}-guard", str(GUARD_SECONDS)))
    return [*lines, _write(file(target, "json"), json.dumps(journal))]


def arm(target: Target, lines: list[str]) -> None:
    """Have the host hold its undo. Raises Problem, and then nothing was injected."""
    ssh.script(target.ssh, "set -e\n" + "\n".join(lines))


def stand_down_guard(target: Target) -> None:
    """A new login works: the undo at the limit is enough."""
    ssh.sh(target.ssh, f"systemctl stop {unit(target)}-guard.timer", check=False)


def disarm(target: Target) -> str:
    """Remove timers, journal and files, and return what is left of them; absent is fine."""
    names = " ".join(
        f"{unit(target)}{part}.{kind}" for part in ("", "-guard", "-load") for kind in ("timer", "service")
    )
    return ssh.script(
        target.ssh,
        f"systemctl stop {names} 2>/dev/null; systemctl reset-failed {names} 2>/dev/null; {_forget(target)}\n"
        f"systemctl list-units --all --plain --no-legend '{unit(target)}*'; ls {FOLDER} | grep {target.id}",
        seconds=ssh.RECOVERING_SECONDS,
        check=False,
    )


def read_journals(connection: Connection) -> tuple[list[Entry], list[Damaged]]:
    """The journals on a host, whoever injected the faults, and the files that cannot be read.

    The id is the file's name. A process id in a journal is ignored: a host must not name a process of the controller.
    """
    found: list[Entry] = []
    damaged: list[Damaged] = []
    for name, text in _files(ssh.script(connection, READ, check=False)):
        where = f"{connection.host}:{FOLDER}/{name}"
        try:
            entry = ledger.parse(text, name.removesuffix(".json"), where, "its timer heals it; remove it afterwards")
            found.append(replace(entry, deadman=None))
        except Damaged as problem:
            damaged.append(problem)
    return found, damaged


def _files(shown: str) -> Iterator[tuple[str, bytes]]:
    for line in shown.splitlines():
        words = line.split(" ")
        if words[0] != MARK or len(words) != 3:
            continue
        try:
            name, text = (base64.b64decode(word, validate=True) for word in words[1:])
        except ValueError:
            continue
        yield ascii(name.decode(errors="replace"))[1:-1], text


def journals(connection: Connection) -> list[Entry]:
    """The journals on a host that can be read."""
    return read_journals(connection)[0]
