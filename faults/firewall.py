"""Packets dropped, rejected or lost by the host's firewall: two chains of our own for each injection.

They are made and inserted first in one transaction of iptables-restore, which waits for the lock (-w) and leaves
everything else alone; they are removed by their names. Loopback, the controller and SSH pass in front of every rule.
"""

from dataclasses import dataclass

from faults import capability, remote
from faults.protocol import Target

SIDES = {"in": "INPUT", "out": "OUTPUT"}
DIRECTIONS = {"both": ("in", "out"), "in": ("in",), "out": ("out",)}
# The strike runs over SSH, so the host itself knows where its controller is; `c4` or `c6`, by the address's family.
CONTROLLER = """\
c4=${SSH_CONNECTION%% *} c6=
case $c4 in *:*) c6=$c4 c4=;; esac
"""


@dataclass(frozen=True)
class Cut:
    """What is done to packets from and to some addresses: `verdict` is iptables' `-j ...` and any match before it."""

    addresses: tuple[str, ...]
    verdict: str
    sides: tuple[str, ...] = ("in", "out")
    ports: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()


def chain(target: Target, side: str) -> str:
    return f"FD-{target.id}-{side}"


def program(address: str) -> str:
    return "ip6tables" if ":" in address else "iptables"


def need(target: Target, addresses: list[str], *more: str) -> None:
    """Raises Refused where the host's firewall cannot do it."""
    capability.need(target, *sorted({program(address) for address in addresses}), *more)


def harm_text(target: Target, cuts: list[Cut], *, loopback: bool = False, seen: bool = False) -> str:
    """The shell text that puts the rules in place. `seen`: a rule before each verdict counts what comes to it."""
    texts = []
    for name in sorted({program(address) for cut in cuts for address in cut.addresses}):
        texts.append(f"{name}-restore -w --noflush <<EOF\n{_table(target, name, cuts, loopback, seen)}EOF")
    return CONTROLLER + "\n".join(texts)


def _table(target: Target, name: str, cuts: list[Cut], loopback: bool, seen: bool) -> str:
    sides = sorted({side for cut in cuts for side in cut.sides})
    lines = ["*filter", *(f":{chain(target, side)} - [0:0]" for side in sides)]
    for side in sides:
        lines += _exempt(target, side, name, loopback)
        for cut in cuts:
            if side in cut.sides:
                lines += [f"-A {chain(target, side)} {rule}" for rule in _rules(side, name, cut, seen)]
    lines += [f"-I {SIDES[side]} 1 -j {chain(target, side)}" for side in sides]
    return "\n".join([*lines, "COMMIT", ""])


def _exempt(target: Target, side: str, name: str, loopback: bool) -> list[str]:
    """In front of all else: ourselves, the controller, SSH in both directions."""
    near, far = ("-i", "-s") if side == "in" else ("-o", "-d")
    own = f"-A {chain(target, side)}"
    ssh = target.host.data.get("ssh_port", 22)
    controller = "c4" if name == "iptables" else "c6"
    return [
        *([] if loopback else [f"{own} {near} lo -j RETURN"]),
        f"${{{controller}:+{own} {far} ${controller} -j RETURN}}",
        f"{own} -p tcp --dport {ssh} -j RETURN",
        f"{own} -p tcp --sport {ssh} -j RETURN",
    ]


def _rules(side: str, name: str, cut: Cut, seen: bool) -> list[str]:
    far = "-s" if side == "in" else "-d"
    rules = []
    for address in cut.addresses:
        if program(address) != name:
            continue
        for protocol in cut.protocols or (("tcp", "udp") if cut.ports else ("",)):
            match = f"{far} {address}" + (f" -p {protocol}" if protocol else "")
            match += f" -m multiport --ports {','.join(cut.ports)}" if cut.ports else ""
            verdict = cut.verdict if protocol == "tcp" else cut.verdict.replace(" --reject-with tcp-reset", "")
            rules += [match] if seen else []
            rules.append(f"{match} {verdict}")
    return rules


def undo_text(target: Target) -> str:
    """Removes our two chains wherever they are, and succeeds when nothing of them is left."""
    texts = []
    for name in ("iptables", "ip6tables"):
        for side, hook in SIDES.items():
            own = chain(target, side)
            texts.append(
                f"while {name} -w -D {hook} -j {own} 2>/dev/null; do :; done; "
                f"{name} -w -F {own} 2>/dev/null; {name} -w -X {own} 2>/dev/null"
            )
    return "\n".join(texts) + f"\n! {{ iptables -w -S; ip6tables -w -S; }} 2>/dev/null | grep -q FD-{target.id}"


@dataclass(frozen=True)
class Counted:
    """One rule of ours, with the packets that it has met."""

    chain: str
    packets: int
    verdict: str
    rule: str


def counters(target: Target) -> list[Counted]:
    """Our rules with their counters, in order; none where they are not in place."""
    shown = remote.script(target.ssh, "iptables-save -c; ip6tables-save -c 2>/dev/null", check=False)
    found = []
    for line in shown.splitlines():
        if line.startswith("[") and f"-A FD-{target.id}-" in line:
            count, _, rule = line.partition(" ")
            verdict = rule.partition(" -j ")[2].split(" ")[0]
            found.append(Counted(rule.split()[1], int(count[1:].split(":")[0]), verdict, rule))
    return found


def hits(target: Target) -> int:
    """The packets that our rules have dropped or rejected."""
    return sum(rule.packets for rule in counters(target) if rule.verdict in ("DROP", "REJECT"))


def describe(target: Target) -> str:
    """What the host's firewall holds of this injection now."""
    rules = [rule for rule in counters(target) if rule.verdict in ("DROP", "REJECT")]
    return f"{len(rules)} rules, {sum(rule.packets for rule in rules)} packets hit" if rules else "no rule of it"
