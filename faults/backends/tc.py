"""The kernel's netem by `tc`: only packets to and from some peers and ports.

On the interface that leads to the peers we put a root qdisc of our own (handle fd0d:), a prio whose first band takes
all traffic that no filter matches. Each injection takes a number that is free on this host, and with it a band, a netem
below that band, and filters that send its packets there. Incoming packets are redirected to an ifb of this injection.
Filters that come first exempt the controller and SSH; ARP meets no filter at all. The last injection to end removes the
root.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import login, ssh
from firedrill.faults import undo
from firedrill.faults.backends.backend import Backend
from firedrill.faults.network import peers, qdisc
from firedrill.faults.network.firewall import CONTROLLER, DIRECTIONS
from firedrill.faults.network.qdisc import LOCK
from firedrill.faults.protocol import NotEffective, Target
from firedrill.faults.state import HANDLE

NUMBERS = range(2, 13)
LIMIT = 20000  # packets; netem's own default of 1000 would lose some of what it delays


@dataclass(frozen=True)
class Family:
    """How tc calls IPv4 or IPv6, and the variables of the shell text: the priorities of our filters, the controller."""

    protocol: str
    word: str
    exempt: str
    treated: str
    controller: str
    bits: int


FAMILIES = (Family("ip", "ip", "e", "m", "c4", 32), Family("ipv6", "ip6", "e6", "m6", "c6", 128))


class Tc(Backend):
    """The default of netem's faults. A fault gives netem's words (`netem`), its peers, ports and direction."""

    name: ClassVar[str] = "tc"

    def need(self, fault: Any, target: Target) -> None:
        qdisc.refuse_foreign(target, fault.device(target), DIRECTIONS[fault.direction], "0:", HANDLE)

    def inject_text(self, fault: Any, target: Target) -> str:
        device = qdisc.noted_device(target)
        lines = [
            CONTROLLER.strip(),
            f"exec 9>{LOCK}; flock -w 10 9",
            f"for n in {' '.join(map(str, NUMBERS))} none; do grep -qsx $n {undo.FOLDER}/*.number || break; done",
            "[ $n != none ] || { echo 'all numbers are taken' >&2; exit 1; }",
            f"echo $n > {undo.file(target, 'number')}",
            "b=$(printf %x $n); e=$n; m=$((100 + n)); e6=$((200 + n)); m6=$((300 + n))",
        ]
        if "out" in DIRECTIONS[fault.direction]:
            lines += _egress(fault, target, device)
        if "in" in DIRECTIONS[fault.direction]:
            lines += _ingress(fault, target, device)
        return "\n".join(lines)

    def undo_text(self, fault: Any, target: Target) -> str:
        own, number = _ifb(target), undo.file(target, "number")
        return f"""\
exec 9>{LOCK}; flock -w 10 9
n=$(cat {number} 2>/dev/null)
filters() {{
  for pref in $n $((100 + n)); do
    tc filter del dev $dev parent $1 protocol ip pref $pref 2>/dev/null
    tc filter del dev $dev parent $1 protocol ipv6 pref $((200 + pref)) 2>/dev/null
  done
}}
if [ -n "$n" ]; then
for dev in $(ls /sys/class/net); do
  if tc qdisc show dev $dev root 2>/dev/null | grep -q ' {HANDLE} '; then
    filters {HANDLE}
    tc qdisc del dev $dev parent {HANDLE}$(printf %x $n) 2>/dev/null
    tc qdisc show dev $dev | grep -q ' parent {HANDLE}' || tc qdisc del dev $dev root handle {HANDLE}
  fi
  if ip link show {own} >/dev/null 2>&1 && tc qdisc show dev $dev | grep -q ' ffff: '; then
    filters ffff:
    ip -o link show type ifb | grep -v ' {own}:' | grep -q ': fd' || tc qdisc del dev $dev ingress
  fi
done
ip link del {own} 2>/dev/null
fi
rm -f {number}
! ip link show {own} >/dev/null 2>&1"""

    def lasts(self, fault: Any, target: Target) -> str:
        """Its qdisc is there in each direction, and for incoming packets the filters that lead to it."""
        sides, device = DIRECTIONS[fault.direction], qdisc.noted_device(target)
        text = f"""\
n=$(cat {undo.file(target, "number")}) || exit 0
tc qdisc show | grep " fd$(printf %02x $n): "
tc filter show dev {device} ingress 2>/dev/null | grep -m1 {_ifb(target)}"""
        shown = ssh.script(target.ssh, text, check=False).splitlines()
        if len(shown) < len(sides) + ("in" in sides):
            raise NotEffective(f"{target.host.name}: its netem is gone from {device}, or its filters are", "")
        return f"{target.host.name}: {' '.join(shown[0].split())}"

    def status(self, fault: Any, target: Target) -> str:
        text = f'n=$(cat {undo.file(target, "number")}) && tc -s qdisc show | grep -A2 " fd$(printf %02x $n): "'
        return " ".join(ssh.script(target.ssh, text, check=False).split()) or "no netem of it"


def _ifb(target: Target) -> str:
    return f"fd{target.id}"


def _egress(fault: Any, target: Target, device: str) -> list[str]:
    return [
        f"tc qdisc show dev {device} root | grep -q ' {HANDLE} ' || tc qdisc add dev {device} root handle {HANDLE} "
        f"prio bands {max(NUMBERS)} priomap {' '.join(['0'] * 16)}",
        f"tc qdisc add dev {device} parent {HANDLE}$b handle fd$(printf %02x $n): netem {fault.netem()} limit {LIMIT}",
        *_filters(fault, target, f"{device} parent {HANDLE}", "dst", f"flowid {HANDLE}1", f"flowid {HANDLE}$b"),
    ]


def _ingress(fault: Any, target: Target, device: str) -> list[str]:
    own = _ifb(target)
    redirect = f"action mirred egress redirect dev {own}"
    return [
        f"ip link add {own} type ifb; ip link set {own} up",
        f"tc qdisc add dev {own} root handle fd$(printf %02x $n): netem {fault.netem()} limit {LIMIT}",
        f"tc qdisc show dev {device} | grep -q ' ffff: ' || tc qdisc add dev {device} ingress",
        *_filters(fault, target, f"{device} parent ffff:", "src", "action ok", redirect),
    ]


def _filters(fault: Any, target: Target, where: str, far: str, exempt: str, treated: str) -> list[str]:
    """For IPv4, and for IPv6 where a peer has it: filters that exempt the controller and SSH, then the peers'."""
    found = peers.addresses(target, fault.peers)
    lines = []
    for family in FAMILIES:
        mine = [address for address in found if (":" in address) == (family.word == "ip6")]
        if mine:
            add = f"tc filter add dev {where} protocol {family.protocol} pref"
            lines += _exempt(target, family, f"{add} ${family.exempt} u32", far, exempt)
            lines += [
                f"{add} ${family.treated} u32 {match} {treated}" for match in _matches(fault, target, mine, family, far)
            ]
    return lines


def _matches(fault: Any, target: Target, addresses: Iterable[str], family: Family, far: str) -> list[str]:
    word, found = family.word, []
    for address in addresses:
        base = f"match {word} {far} {address}"
        found += [
            f"{base} match {word} protocol {protocol} 0xff match {word} {side} {port} 0xffff"
            for port in peers.ports_of(target, fault.ports)
            for protocol in (6, 17)
            for side in ("sport", "dport")
        ] or [base]
    return found


def _exempt(target: Target, family: Family, add: str, far: str, verdict: str) -> list[str]:
    """Filters that exempt the controller's address, and SSH to and from any address."""
    port, word, controller = login.port_of(target.host), family.word, f"${family.controller}"
    return [
        f'[ -z "{controller}" ] || {add} match {word} {far} {controller}/{family.bits} {verdict}',
        *(
            f"{add} match {word} protocol 6 0xff match {word} {side} {port} 0xffff {verdict}"
            for side in ("sport", "dport")
        ),
    ]
