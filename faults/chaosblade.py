"""The other backend: the same fault done by chaosblade's `blade`, where a host has it (deploy/chaosblade.py).

What it says is not believed: "Success" is neither proof of the effect nor of its end. So each experiment has a uid of
ours, its processes stay in a unit of ours, and the undo looks for itself after `blade destroy`. That deletes whatever
root qdisc, or whatever load of that kind, there is: a second experiment is refused while a first is there.
"""

import json
import shlex
from typing import Any

from firedrill.cluster import ssh
from firedrill.faults import capability, undo
from firedrill.faults.protocol import Refused, Target

NAME = "chaosblade"
LOCK = "/run/faults-netem.lock"
# Of these a second experiment would end the first.
ALONE = ("cpu", "mem", "disk")
NO_RECORD = 67002
UID = "fd0d0000"  # 16 hexadecimal digits are wanted; ours end with the injection's id


def check(backend: str, default: str) -> None:
    """Raises Refused for a backend that is neither the default nor chaosblade."""
    if backend not in (default, NAME):
        raise Refused(f"no backend {backend!r}", f"take {default} or {NAME}")


def whole(value: float, what: str) -> str:
    """The value as blade takes it. Raises Refused where it is no whole number."""
    if value != int(value):
        raise Refused(f"chaosblade takes no {value:g} {what}", f"give a whole number, or leave `--backend {NAME}` out")
    return str(int(value))


def uid(target: Target) -> str:
    return f"{UID}{target.id}"


def blade(target: Target) -> str:
    """The path of the program."""
    return f"{target.host.data['chaosblade_folder']}/blade"


def need(target: Target, words: str) -> None:
    """Raises Refused where the host has no chaosblade, or has an experiment that would end with ours."""
    capability.need(target)
    remedy = "see docs/faults.md for how it is installed, or leave `--backend` out"
    shown = ssh.sh(target.ssh, f"{blade(target)} status --type create --status Success 2>&1", check=False)
    try:
        answer: dict[str, Any] = json.loads(shown)
    except ValueError:
        raise Refused(f"{target.host.name}: no chaosblade ({blade(target)} does not answer)", remedy) from None
    if not answer["success"] and answer["code"] != NO_RECORD:
        raise Refused(f"{target.host.name}: chaosblade cannot be asked ({answer.get('error')})", remedy)
    rows: list[dict[str, str]] = answer.get("result") or []
    command = words.split()[0]
    for row in rows:
        if command in ALONE and row["Command"] == command:
            raise Refused(
                f"{target.host.name}: chaosblade's {command} {row['SubCommand']} {row['Uid']} is active: its end and "
                "ours would be one",
                f"`{blade(target)} destroy {row['Uid']}` there",
            )


def create_text(target: Target, words: str) -> str:
    """The shell text that creates the experiment, and fails with its words where it does not say success."""
    return (
        f"said=$({blade(target)} create {words} --uid {uid(target)} 2>&1) && "
        "case $said in *'\"success\":true'*) ;; *) false;; esac ||\n"
        '{ echo "chaosblade: $(echo "$said" | grep -i -m1 error)" >&2; exit 1; }'
    )


def destroy_text(target: Target) -> str:
    """Ends it, or at least its record; whether it ended is for the caller to see."""
    destroy = f"{blade(target)} destroy {uid(target)}"
    return f"{destroy} >/dev/null 2>&1 || {destroy} --force-remove >/dev/null 2>&1 || true"


def left(target: Target) -> str:
    """What its books still hold of the experiment, in words. Harmless, until somebody destroys it by hand."""
    shown = ssh.sh(target.ssh, f"{blade(target)} status {uid(target)} 2>&1", check=False)
    return f"its books have {uid(target)} as active still" if '"Status":"Success"' in shown.replace(" ", "") else ""


def in_unit_text(target: Target, unit: str, words: str) -> str:
    """As create_text, with all the processes that it leaves in a unit of ours, and these the first to be killed."""
    program, said = undo.file(target, "create"), undo.file(target, "said")
    return (
        f"printf %s {shlex.quote(f'exec 2>{said}{chr(10)}{create_text(target, words)}')} > {program}\n"
        f"systemd-run --quiet --collect --unit={unit} --property=Type=oneshot --property=RemainAfterExit=yes "
        f"--property=OOMScoreAdjust=1000 sh {program} 2>/dev/null || {{ cat {said} >&2; exit 1; }}"
    )


# Of its network experiments: a prio 1: with four bands as root, netem 40: on the last, filters that lead there.


def network_text(target: Target, device: str, addresses: list[str], ports: list[str], words: str) -> str:
    """The shell text that lets it treat what goes to the addresses; the controller and SSH are led past."""
    file = undo.file(target, "blade")
    ssh = target.host.data.get("ssh_port", 22)
    flags = f"--interface {device} --destination-ip {','.join(addresses)} --exclude-port {ssh} --ignore-peer-port"
    if ports:
        flags += f" --local-port {','.join(ports)} --remote-port {','.join(ports)}"
    return (
        f"exec 9>{LOCK}; flock -w 10 9\n"
        f"if {_root(device)} | grep -qv ' 0: '; then echo '{device} has a root qdisc by now' >&2; exit 1; fi\n"
        f"echo {device} > {file}\n"
        f"{create_text(target, f'network {words} {flags} ${{c4:+--exclude-ip $c4}}')}\n"
        f"{_shape(device)} > {file}.shape"
    )


def network_undo_text(target: Target) -> str:
    """Destroys it only while the root is the one it made, or none: its destroy deletes any."""
    file = undo.file(target, "blade")
    return f"""\
[ -e {file} ] || exit 0
exec 9>{LOCK}; flock -w 10 9
dev=$(cat {file})
ours() {{
  {_root("$dev")} | grep -q '^qdisc prio 1: ' || return 1
  [ ! -e {file}.shape ] || [ "$({_shape("$dev")})" = "$(cat {file}.shape)" ]
}}
if ours || ! {_root("$dev")} | grep -qv ' 0: '; then {destroy_text(target)}; fi
if ours; then tc qdisc del dev $dev root handle 1:; fi
! ours && rm -f {file} {file}.shape"""


def _root(device: str) -> str:
    return f"tc qdisc show dev {device} | grep ' root '"


def _shape(device: str) -> str:
    return f"tc qdisc show dev {device} | sed 's/ refcnt [0-9]*//'"
