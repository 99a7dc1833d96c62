"""The program `blade` of chaosblade on a host: how it is asked, and what its answers are worth.

"Success" is neither proof of the effect nor of its end. So each experiment has a uid of ours, its processes stay in a
unit of ours, and the undo checks for itself after `blade destroy`.
"""

import json
import shlex
from typing import Any

from firedrill.cluster import ssh
from firedrill.faults import capability, undo
from firedrill.faults.protocol import Refused, Target

# Of these commands a second experiment would end the first.
ALONE = ("cpu", "mem", "disk")
NO_RECORD = 67002
# Without the first its flags are unknown, without the second nothing happens.
PARTS = ("yaml/*os-spec*.yaml", "bin/chaos_os")
UID = "fd0d0000"  # blade wants 16 hexadecimal digits; ours end with the injection's id


def whole(value: float, what: str) -> str:
    """The value as blade takes it. Raises Refused if it is not an integer."""
    if value != int(value):
        raise Refused(f"chaosblade does not accept {value:g} {what}", "give an integer, or omit `--backend`")
    return str(int(value))


def uid(target: Target) -> str:
    return f"{UID}{target.id}"


def folder(target: Target) -> str:
    return shlex.quote(target.host.data["chaosblade_folder"])


def path(target: Target) -> str:
    """The path of the program."""
    return f"{folder(target)}/blade"


def need(target: Target, command: str) -> None:
    """Raises Refused where the host has no chaosblade, or has an experiment that would end with ours."""
    capability.need(target)
    active = _active(target)
    refuse_partial(target)
    for row in active:
        if command in ALONE and row.get("Command") == command:
            found = f"chaosblade's {command} {row.get('SubCommand')} {row.get('Uid')}"
            raise Refused(
                f"{target.host.name}: {found} is active: ending one would end both",
                f"`{path(target)} destroy {row.get('Uid')}` there",
            )


def refuse_partial(target: Target) -> None:
    """Raises Refused where a part is missing without which `blade create` fails."""
    here = folder(target)
    tests = [f"ls {here}/{part} >/dev/null 2>&1 || echo '{part}'" for part in PARTS]
    if lacking := ssh.script(target.ssh, "\n".join(tests), check=False).split():
        raise Refused(f"{target.host.name}: chaosblade in {here} lacks {', '.join(lacking)}", "deploy it again")


def _active(target: Target) -> list[dict[str, Any]]:
    """The experiments that chaosblade has on record as active. Raises Refused where it does not answer."""
    remedy = "see docs/faults.md for how it is installed, or leave `--backend` out"
    shown = ssh.sh(target.ssh, f"{path(target)} status --type create --status Success 2>&1", check=False)
    try:
        answer = json.loads(shown)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "success" not in answer:
        raise Refused(f"{target.host.name}: no chaosblade ({path(target)} does not answer)", remedy)
    if not answer["success"] and answer.get("code") != NO_RECORD:
        raise Refused(f"{target.host.name}: chaosblade cannot be asked ({answer.get('error')})", remedy)
    rows = answer.get("result")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def create_text(target: Target, words: str) -> str:
    """The shell text that creates the experiment, and fails with blade's message where it does not report success."""
    return (
        f"said=$({path(target)} create {words} --uid {uid(target)} 2>&1) && "
        "case $said in *'\"success\":true'*) ;; *) false;; esac || {\n"
        # An error of its own is JSON; one of its command line is plain text, with the usage behind it.
        """why=$(echo "$said" | sed -n 's/.*"error": *"\\(.*\\)"[,}].*/\\1/p' | head -1)\n"""
        """[ -n "$why" ] || why=$(echo "$said" | grep -m1 .) || true\n"""
        # The cause comes last, after the command that failed.
        """echo "chaosblade: ${why:-no answer}" | sed -E 's/^(.{120}).*(.{200})$/\\1 ... \\2/' >&2; exit 1; }"""
    )


def destroy_text(target: Target) -> str:
    """Ends the experiment, or at least its record; the caller checks whether it ended."""
    destroy = f"{path(target)} destroy {uid(target)}"
    return f"{destroy} >/dev/null 2>&1 || {destroy} --force-remove >/dev/null 2>&1 || true"


def record_left(target: Target) -> str:
    """What its records still hold of the experiment, in words. Harmless, until somebody destroys it by hand."""
    shown = ssh.sh(target.ssh, f"{path(target)} status {uid(target)} 2>&1", check=False)
    if '"Status":"Success"' not in shown.replace(" ", ""):
        return ""
    return f"chaosblade still has {uid(target)} on record as active"


def in_unit_text(target: Target, unit: str, words: str) -> str:
    """As create_text, with all processes that it leaves in a unit of ours, first in line for the OOM killer."""
    program, said = undo.file(target, "create"), undo.file(target, "said")
    return (
        f"printf %s {shlex.quote(f'exec 2>{said}{chr(10)}{create_text(target, words)}')} > {program}\n"
        f"systemd-run --quiet --collect --unit={unit} --property=Type=oneshot --property=RemainAfterExit=yes "
        f"--property=OOMScoreAdjust=1000 sh {program} 2>/dev/null || {{ cat {said} >&2; exit 1; }}"
    )
