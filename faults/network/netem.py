"""Packets on the way, treated by the kernel's netem: only those to or from some peers and ports.

On the interface that leads to the peers we put a root qdisc of our own (handle fd0d:), a prio whose first band is where
everything goes that nobody named. Each injection takes a number that is free on this host, and with it a band, a netem
below it, and filters that lead its packets there. What comes in is led to an ifb of this injection. The controller and
SSH are led past it by filters that come first; ARP meets no filter at all. The last of ours takes the root away.
"""

from dataclasses import replace
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults import capability, chaosblade, undo
from firedrill.faults.network import peers, stream
from firedrill.faults.network.firewall import CONTROLLER, DIRECTIONS
from firedrill.faults.network.stream import Measured
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.faults.state import HANDLE
from firedrill.inventories.read import Host

NUMBERS = range(2, 13)
LOCK = chaosblade.LOCK
BACKEND = "tc"
DIST = ("uniform", "normal", "pareto", "paretonormal")
LIMIT = 20000  # packets; netem's own 1000 would lose some of what it delays
SIGMAS = 4


def check_percent(percent: float) -> None:
    if not 0 < percent <= 100:
        raise Refused(f"{percent:g} % of the packets", "give more than 0 and at most 100")


def check_scope(among: str, ports: str, direction: str) -> None:
    peers.ports(ports)
    if direction not in DIRECTIONS:
        raise Refused(f"no direction {direction!r}", f"take one of {', '.join(DIRECTIONS)}")


def near(percent: float, part: int, whole: int) -> bool:
    """Whether so many of the whole are that percentage, give or take chance."""
    asked = percent / 100
    chance = SIGMAS * (asked * (1 - asked) / max(whole, 1)) ** 0.5
    return part > 0 and abs(part / whole - asked) <= max(chance, 0.02)


def with_before(target: Target, **more: Any) -> Target:
    return replace(target, before=target.before | more)


class Netem(OnHost):
    """A fault that is one setting of netem. It has to say `netem` and `judge`, and has the three options below.

    Where it says `blade` too it has an option `backend`, and can be done by chaosblade.
    """

    peers: str
    ports: str
    direction: str
    backend = BACKEND

    kind: ClassVar[str] = "network"
    default_limit_s: ClassVar[float] = 60
    may_lock_out: ClassVar[bool] = True
    # How the stream that measures it is sent.
    probe: ClassVar[dict[str, Any]] = {}

    def netem(self) -> str:
        """What tc is told of netem."""
        raise NotImplementedError

    def blade(self) -> str:
        """What chaosblade is told: its action, and the flags of this fault alone. Raises Refused for what it cannot."""
        raise NotImplementedError

    def judge(self, seen: Measured) -> tuple[bool, str]:
        """Whether what was seen of the stream is what was asked, and the words for it."""
        raise NotImplementedError

    @property
    def _by_blade(self) -> bool:
        return self.backend == chaosblade.NAME

    def check(self) -> None:
        check_scope(self.peers, self.ports, self.direction)
        chaosblade.check(self.backend, BACKEND)
        if self._by_blade:
            if self.direction != "out":
                raise Refused(f"chaosblade treats what goes out, not direction {self.direction}", "take tc, or out")
            self.blade()

    def refuse_host(self, target: Target) -> None:
        sides = DIRECTIONS[self.direction]
        capability.need(target, "netem", "classful", "python3", *(["ifb"] if "in" in sides else []))
        if any(":" in address for address in self._addresses(target)):
            raise Refused("peers by IPv6 addresses", "name them by IPv4 addresses")
        if self._by_blade:
            chaosblade.need(target, "network")
        self._refuse_foreign(target, self._device(target))
        self._refuse_clash(target)

    def _refuse_foreign(self, target: Target, device: str) -> None:
        shown = ssh.sh(target.ssh, f"tc qdisc show dev {device}; ip -o link show type ifb")
        fine = ("0:",) if self._by_blade else ("0:", HANDLE)
        for line in shown.splitlines():
            words = line.split()
            if words[0] != "qdisc":
                continue
            if "root" in words and words[2] not in fine:
                raise Refused(
                    f"{target.host.name}: the root qdisc of {device} is `{words[1]} {words[2]}`, which is "
                    f"{self._owner(target, device)}",
                    "heal it first, ask who shapes that interface, or name peers behind another one",
                )
            if words[2] == "ffff:" and "in" in DIRECTIONS[self.direction] and ": fd" not in shown:
                raise Refused(
                    f"{target.host.name}: {device} has `{words[1]} ffff:`, which is not ours", "take direction out"
                )

    def _owner(self, target: Target, device: str) -> str:
        for journal in undo.journals(target.ssh):
            if journal.get("before", {}).get("netem", {}).get("device") == device:
                return f"of {journal['fault']} {journal['id']}: chaosblade's and ours cannot share one"
        return "not ours"

    def _refuse_clash(self, target: Target) -> None:
        """Two of ours on the same packets: the first would take them all, the second have no effect."""
        mine = set(self._addresses(target))
        for journal in undo.journals(target.ssh):
            other = journal.get("before", {}).get("netem")
            if not other or not mine & set(other["addresses"]):
                continue
            ports = set(peers.ports(self.ports)), set(other["ports"])
            if set(other["sides"]) & set(DIRECTIONS[self.direction]) and (not all(ports) or ports[0] & ports[1]):
                raise Refused(
                    f"{target.host.name}: {journal['fault']} {journal['id']} has these packets already",
                    "heal it first, or name other peers or ports",
                )

    def note(self, target: Target) -> dict[str, Any]:
        return {
            "netem": {
                "device": self._device(target),
                "addresses": self._addresses(target),
                "ports": peers.ports(self.ports),
                "sides": list(DIRECTIONS[self.direction]),
            }
        }

    def _addresses(self, target: Target) -> list[str]:
        return peers.addresses(target, self.peers)

    def _device(self, target: Target) -> str:
        """The interface that leads to the peers. Raises Refused where it is not one."""
        hosts = " ".join(address.split("/")[0] for address in self._addresses(target))
        shown = ssh.script(
            target.ssh, f"for one in {hosts}; do ip -o route get $one; done | sed 's/.* dev //; s/ .*//' | sort -u"
        ).split()
        if len(shown) != 1 or shown == ["lo"]:
            raise Refused(
                f"{target.host.name}: its peers are behind {', '.join(shown) or 'no interface'}", "name others"
            )
        return shown[0]

    # On the host

    def inject_text(self, target: Target) -> str:
        device = target.before.get("netem", {}).get("device", "DEVICE")
        if self._by_blade:
            found, ports = self._addresses(target), peers.ports(self.ports)
            return CONTROLLER + chaosblade.network_text(target, device, found, ports, self.blade())
        sides = DIRECTIONS[self.direction]
        numbers = " ".join(map(str, NUMBERS))
        lines = [
            CONTROLLER.strip(),
            f"exec 9>{LOCK}; flock -w 10 9",
            f"for n in {numbers} none; do grep -qsx $n {undo.FOLDER}/*.number || break; done",
            "[ $n != none ] || { echo 'all numbers are taken' >&2; exit 1; }",
            f"echo $n > {undo.file(target, 'number')}",
            "b=$(printf %x $n); e=$n; m=$((100 + n))",
        ]
        if "out" in sides:
            lines += self._egress(target, device)
        if "in" in sides:
            lines += self._ingress(target, device)
        return "\n".join(lines)

    def _egress(self, target: Target, device: str) -> list[str]:
        add = f"tc filter add dev {device} parent {HANDLE} protocol ip"
        bands = max(NUMBERS)
        return [
            f"tc qdisc show dev {device} root | grep -q ' {HANDLE} ' || tc qdisc add dev {device} root handle {HANDLE} "
            f"prio bands {bands} priomap {' '.join(['0'] * 16)}",
            f"tc qdisc add dev {device} parent {HANDLE}$b handle fd$(printf %02x $n): "
            f"netem {self.netem()} limit {LIMIT}",
            *_past(target, f"{add} pref $e u32", "dst", f"flowid {HANDLE}1"),
            *(f"{add} pref $m u32 {match} flowid {HANDLE}$b" for match in self._matches(target, "dst")),
        ]

    def _ingress(self, target: Target, device: str) -> list[str]:
        own = f"fd{target.id}"
        add = f"tc filter add dev {device} parent ffff: protocol ip"
        return [
            f"ip link add {own} type ifb; ip link set {own} up",
            f"tc qdisc add dev {own} root handle fd$(printf %02x $n): netem {self.netem()} limit {LIMIT}",
            f"tc qdisc show dev {device} | grep -q ' ffff: ' || tc qdisc add dev {device} ingress",
            *_past(target, f"{add} pref $e u32", "src", "action ok"),
            *(
                f"{add} pref $m u32 {match} action mirred egress redirect dev {own}"
                for match in self._matches(target, "src")
            ),
        ]

    def _matches(self, target: Target, far: str) -> list[str]:
        found = []
        for address in self._addresses(target):
            base = f"match ip {far} {address}"
            found += [
                f"{base} match ip protocol {protocol} 0xff match ip {side} {port} 0xffff"
                for port in peers.ports(self.ports)
                for protocol in (6, 17)
                for side in ("sport", "dport")
            ] or [base]
        return found

    def undo_text(self, target: Target) -> str:
        if self._by_blade:
            return chaosblade.network_undo_text(target)
        own = f"fd{target.id}"
        number = undo.file(target, "number")
        return f"""\
exec 9>{LOCK}; flock -w 10 9
n=$(cat {number} 2>/dev/null)
if [ -n "$n" ]; then
for dev in $(ls /sys/class/net); do
  if tc qdisc show dev $dev root 2>/dev/null | grep -q ' {HANDLE} '; then
    for pref in $n $((100 + n)); do tc filter del dev $dev parent {HANDLE} protocol ip pref $pref 2>/dev/null; done
    tc qdisc del dev $dev parent {HANDLE}$(printf %x $n) 2>/dev/null
    tc qdisc show dev $dev | grep -q ' parent {HANDLE}' || tc qdisc del dev $dev root handle {HANDLE}
  fi
  if ip link show {own} >/dev/null 2>&1 && tc qdisc show dev $dev | grep -q ' ffff: '; then
    for pref in $n $((100 + n)); do tc filter del dev $dev parent ffff: protocol ip pref $pref 2>/dev/null; done
    ip -o link show type ifb | grep -v ' {own}:' | grep -q ': fd' || tc qdisc del dev $dev ingress
  fi
done
ip link del {own} 2>/dev/null
fi
rm -f {number}
! ip link show {own} >/dev/null 2>&1"""

    # Proof

    def prove_clean(self, target: Target) -> str:
        return chaosblade.left(target) if self._by_blade else ""

    def prove(self, target: Target) -> str:
        said = []
        whom = self._witness(target)
        with ssh.connect(whom) as peer:
            for side in DIRECTIONS[self.direction]:
                good, words = self.judge(self.seen(target, peer, whom, side))
                if not good:
                    raise NotEffective(
                        f"{target.host.name}, {side}, with {whom.name}: {words}", "is the path lossy itself?"
                    )
                said.append(f"{side} {words}")
        return f"{target.host.name} and {whom.name}: {'; '.join(said)}"

    def seen(self, target: Target, peer: ssh.Connection, whom: Host, side: str) -> Measured:
        port = int((peers.ports(self.ports) or ["0"])[0])
        ends = (target.ssh, peer, whom) if side == "out" else (peer, target.ssh, target.host)
        return stream.measure(*ends, port=port, **self.probe)

    def _witness(self, target: Target) -> Host:
        """The peer that is asked what comes, or sends: one of the inventory's. Raises NotEffective."""
        known = {host.address: host for host in target.access.inventory.hosts}
        for address in self._addresses(target):
            if address in known and ssh.answers(known[address]):
                return known[address]
        raise NotEffective(
            f"{target.host.name}: none of its peers can tell what comes", "name one of the inventory too"
        )

    def status(self, target: Target) -> str:
        if self._by_blade:  # what it says of itself may be long past
            text = f'tc -s qdisc show dev $(cat {undo.file(target, "blade")}) | grep -A2 "^qdisc netem 40: "'
        else:
            text = f'n=$(cat {undo.file(target, "number")}) && tc -s qdisc show | grep -A2 " fd$(printf %02x $n): "'
        shown = ssh.script(target.ssh, text, check=False)
        return " ".join(shown.split()) or "no netem of it"


def _past(target: Target, add: str, far: str, verdict: str) -> list[str]:
    """The controller's address and SSH, whoever speaks it, are led past."""
    ssh = target.host.data.get("ssh_port", 22)
    return [
        f'[ -z "$c4" ] || {add} match ip {far} $c4/32 {verdict}',
        *(f"{add} match ip protocol 6 0xff match ip {side} {ssh} 0xffff {verdict}" for side in ("sport", "dport")),
    ]
