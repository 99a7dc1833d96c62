"""The same faults by chaosblade, where a host has it (deploy/chaosblade.py): one row of EXPERIMENTS for each fault.

`blade destroy` deletes whatever root qdisc, or whatever load of that kind, there is. So a second experiment is refused
while a first is there, and the undo of a network experiment destroys only the root that it made.
"""

import shlex
from dataclasses import dataclass
from signal import Signals
from typing import Any, ClassVar

from firedrill.cluster import login, ssh
from firedrill.faults import processes, undo, unit
from firedrill.faults.backends import blade
from firedrill.faults.backends.backend import Backend
from firedrill.faults.backends.blade import whole
from firedrill.faults.network import peers, qdisc
from firedrill.faults.network.firewall import CONTROLLER, DIRECTIONS
from firedrill.faults.protocol import NotEffective, Refused, Target

FILL_FILE = "chaos_filldisk.log.dat"
RATE_MIB_S = 200
SHOWN = 3  # addresses
NO_NETEM = "no netem of it"


class Experiment:
    """One kind of `blade create`. It has to give `command` and `words`."""

    command: ClassVar[str]

    def check(self, fault: Any) -> None:
        """Raise Refused for options that blade does not take."""

    def need(self, fault: Any, target: Target) -> None:
        blade.need(target, self.command)

    def words(self, fault: Any, target: Target) -> str:
        """What `blade create` is given."""
        raise NotImplementedError

    def inject_text(self, fault: Any, target: Target) -> str:
        return blade.create_text(target, self.words(fault, target))

    def undo_text(self, fault: Any, target: Target) -> str:
        return f"{blade.destroy_text(target)}\n{fault.own_undo(target)}"

    def lasts(self, fault: Any, target: Target) -> str:
        return str(fault.own_lasts(target))

    def status(self, fault: Any, target: Target) -> str:
        return str(fault.own_status(target))


@dataclass(frozen=True)
class Network(Experiment):
    """One of netem's. Its shape: a prio 1: with four bands as root, netem 40: on the last, filters that lead there.

    `flags` are the flags of this action, with the fault's options in whole numbers.
    """

    action: str
    flags: tuple[tuple[str, str, str], ...]  # flag, the fault's field, its unit

    command: ClassVar[str] = "network"

    def check(self, fault: Any) -> None:
        if fault.direction != "out":
            raise Refused(
                f"chaosblade affects outgoing packets only, found direction {fault.direction}",
                "use the backend tc, or direction out",
            )
        if getattr(fault, "distribution", "uniform") != "uniform":
            raise Refused(
                f"chaosblade does not support the distribution {fault.distribution}", "use uniform, or the backend tc"
            )
        self._action(fault)

    def _action(self, fault: Any) -> str:
        given = (f" {flag} {whole(getattr(fault, field), what)}" for flag, field, what in self.flags)
        return f"{self.action}{''.join(given)}"

    def need(self, fault: Any, target: Target) -> None:
        super().need(fault, target)
        if by_ipv6 := [one for one in peers.addresses(target, fault.peers) if ":" in one]:
            raise Refused(
                f"{target.host.name}: chaosblade affects IPv4 only, its peers are {', '.join(by_ipv6[:SHOWN])}, too",
                "use the backend tc, or name their IPv4 addresses as `--peers`: IPv6 is then not affected",
            )
        qdisc.refuse_foreign(target, fault.device(target), DIRECTIONS[fault.direction], "0:")

    def words(self, fault: Any, target: Target) -> str:
        """The controller and SSH are exempt."""
        among, ports = peers.addresses(target, fault.peers), peers.ports_of(target, fault.ports)
        ends = f" --local-port {','.join(ports)} --remote-port {','.join(ports)}" if ports else ""
        return (
            f"network {self._action(fault)} --interface {qdisc.noted_device(target)} --destination-ip {','.join(among)}"
            f" --exclude-port {login.port_of(target.host)} --ignore-peer-port{ends} "
            "${c4:+--exclude-ip $c4}"
        )

    def inject_text(self, fault: Any, target: Target) -> str:
        device, file = qdisc.noted_device(target), undo.file(target, "blade")
        return (
            f"{CONTROLLER}exec 9>{qdisc.LOCK}; flock -w 10 9\n"
            f"if {_root(device)} | grep -qv ' 0: '; then echo '{device} has a root qdisc by now' >&2; exit 1; fi\n"
            f"echo {device} > {file}\n"
            f"{super().inject_text(fault, target)}\n"
            f"{_shape(device)} > {file}.shape"
        )

    def undo_text(self, fault: Any, target: Target) -> str:
        """Destroys it only while the root is the one that it made, or there is none."""
        file = undo.file(target, "blade")
        return f"""\
[ -e {file} ] || exit 0
exec 9>{qdisc.LOCK}; flock -w 10 9
dev=$(cat {file})
ours() {{
  {_root("$dev")} | grep -q '^qdisc prio 1: ' || return 1
  [ ! -e {file}.shape ] || [ "$({_shape("$dev")})" = "$(cat {file}.shape)" ]
}}
if ours || ! {_root("$dev")} | grep -qv ' 0: '; then {blade.destroy_text(target)}; fi
if ours; then tc qdisc del dev $dev root handle 1:; fi
! ours && rm -f {file} {file}.shape"""

    def lasts(self, fault: Any, target: Target) -> str:
        """By tc: blade's own record may be out of date."""
        if (shown := self.status(fault, target)) == NO_NETEM:
            raise NotEffective(f"{target.host.name}: {shown}", "")
        return f"{target.host.name}: {shown}"

    def status(self, fault: Any, target: Target) -> str:
        """What tc shows: blade's own record may be out of date."""
        text = f'tc -s qdisc show dev $(cat {undo.file(target, "blade")}) | grep -A2 "^qdisc netem 40: "'
        return " ".join(ssh.script(target.ssh, text, check=False).split()) or NO_NETEM


class InUnit(Experiment):
    """One that leaves processes, which stay in a unit of ours."""

    def inject_text(self, fault: Any, target: Target) -> str:
        return blade.in_unit_text(target, unit.name(target), self.words(fault, target))


class Cpu(InUnit):
    command: ClassVar[str] = "cpu"

    def check(self, fault: Any) -> None:
        whole(fault.percent, "percent")

    def words(self, fault: Any, target: Target) -> str:
        count = f" --cpu-count {fault.cores}" if fault.cores else ""
        return f"cpu fullload --cpu-percent {whole(fault.percent, 'percent')}{count}"


class Memory(InUnit):
    command: ClassVar[str] = "mem"

    def words(self, fault: Any, target: Target) -> str:
        """Given what has to stay free, reckoned as blade does: its own percentage knows no margin."""
        free = "awk '/^(MemFree|Buffers|Cached|SReclaimable):/ {sum += $2} END {print int(sum / 1024)}' /proc/meminfo"
        wanted = target.before.get("wanted_mib")
        left = "MIB" if wanted is None else int(wanted)
        return f"mem load --mode ram --rate {RATE_MIB_S} --reserve $(( $({free}) - {left} ))"


class DiskFill(InUnit):
    command: ClassVar[str] = "disk"

    def need(self, fault: Any, target: Target) -> None:
        super().need(fault, target)
        if ssh.sh(target.ssh, f"ls {fault.file(target, FILL_FILE)} 2>/dev/null", check=False):
            raise Refused(
                f"{target.host.name}: {fault.file(target, FILL_FILE)} exists and is not ours", "remove it first"
            )

    def words(self, fault: Any, target: Target) -> str:
        wanted = target.before.get("wanted")
        size = "MIB" if wanted is None else int(wanted) >> 20
        return f"disk fill --path {shlex.quote(fault.folder(target))} --size {size}"

    def undo_text(self, fault: Any, target: Target) -> str:
        remove = f"rm -f {fault.file(target, FILL_FILE)} || exit 1"
        return f"{blade.destroy_text(target)}\n{unit.stop_text(target)} && {remove}\n{fault.own_undo(target)}"


class Kill(Experiment):
    command: ClassVar[str] = "process"

    def words(self, fault: Any, target: Target) -> str:
        """By the process's id: blade looks for a name as part of any command line."""
        pid = f"$({processes.find(fault.process, target.host)})"
        return f"process kill --pid {pid} --signal {Signals[f'SIG{fault.signal}'].value}"


class Freeze(Experiment):
    command: ClassVar[str] = "process"

    def words(self, fault: Any, target: Target) -> str:
        return "process stop --pid $(echo $pids | tr ' ' ',')"

    def inject_text(self, fault: Any, target: Target) -> str:
        """One experiment, so once; `own` looks three times, since what was listed may have forked by then."""
        pids = f"pids=$({processes.find_all(fault.process, target.host)})"
        return f"{pids}\necho $pids > {undo.file(target, 'pids')}\n{super().inject_text(fault, target)}"


PERCENT = ("--percent", "percent", "percent")
EXPERIMENTS: dict[str, Experiment] = {
    "corrupt": Network("corrupt", (PERCENT,)),
    "loss": Network("loss", (PERCENT,)),
    "duplicate": Network("duplicate", (PERCENT,)),
    "delay": Network("delay", (("--time", "ms", "ms"), ("--offset", "jitter_ms", "ms"))),
    "reorder": Network("reorder --correlation 0", (PERCENT, ("--time", "delay_ms", "ms"))),
    "cpu": Cpu(),
    "memory": Memory(),
    "disk_full": DiskFill(),
    "kill": Kill(),
    "freeze": Freeze(),
}


class Chaosblade(Backend):
    """Each fault of EXPERIMENTS, by its experiment."""

    name: ClassVar[str] = "chaosblade"
    # It measures for a second before it burns what is missing.
    cpu_settles_s: ClassVar[float] = 2
    cpu_window_s: ClassVar[float] = 3
    cpu_of_host: ClassVar[bool] = True

    def offers(self, name: str) -> bool:
        return name in EXPERIMENTS

    def check(self, fault: Any) -> None:
        EXPERIMENTS[fault.name].check(fault)

    def need(self, fault: Any, target: Target) -> None:
        EXPERIMENTS[fault.name].need(fault, target)

    def inject_text(self, fault: Any, target: Target) -> str:
        return EXPERIMENTS[fault.name].inject_text(fault, target)

    def undo_text(self, fault: Any, target: Target) -> str:
        return EXPERIMENTS[fault.name].undo_text(fault, target)

    def leftovers(self, fault: Any, target: Target) -> str:
        return blade.record_left(target)

    def lasts(self, fault: Any, target: Target) -> str:
        return EXPERIMENTS[fault.name].lasts(fault, target)

    def status(self, fault: Any, target: Target) -> str:
        return EXPERIMENTS[fault.name].status(fault, target)


def _root(device: str) -> str:
    return f"tc qdisc show dev {device} | grep ' root '"


def _shape(device: str) -> str:
    return f"tc qdisc show dev {device} | sed 's/ refcnt [0-9]*//'"
