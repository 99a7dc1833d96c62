"""Packets dropped, rejected or lost by the host's firewall: two chains of our own for each injection.

One transaction of iptables-restore makes them and inserts them first. It waits for the lock (-w) and changes nothing
else; the undo removes them by name. Loopback, the controller and SSH are exempt in front of every rule. Where a host
has no working iptables, nft does the same in a table of ours (nft.py).
"""

from dataclasses import dataclass
from typing import Any

from firedrill.cluster import login, ssh
from firedrill.faults import capability
from firedrill.faults.network import nft
from firedrill.faults.protocol import NotEffective, Refused, Target

SIDES = {"in": "INPUT", "out": "OUTPUT"}
DIRECTIONS = {"both": ("in", "out"), "in": ("in",), "out": ("out",)}
# The injection runs over SSH, so the host knows its controller's address: `c4` or `c6`, by the address's family.
CONTROLLER = """\
c4=${SSH_CONNECTION%% *} c6=
case $c4 in *:*) c6=$c4 c4=;; esac
"""


@dataclass(frozen=True)
class Cut:
    """What happens to packets from and to some addresses, or to a `share` of them.

    `verdict` is drop, reject (by ICMP), or refuse (TCP by a reset; resets themselves pass).
    """

    addresses: tuple[str, ...]
    verdict: str
    sides: tuple[str, ...] = ("in", "out")
    ports: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    share: float = 1


VERDICTS = {
    "drop": "-j DROP",
    "reject": "-j REJECT",
    "refuse": "--tcp-flags RST NONE -j REJECT --reject-with tcp-reset",
}
# What nft is tested for, in place of iptables.
BY_NFT = {"iptables": "nft", "ip6tables": "nft6", "statistic": "nft_numgen", "reject": "nft_reject"}

# Prints our chains of iptables that no rule leads to.
UNREACHED = """\
for name in iptables ip6tables; do $name -S 2>/dev/null | awk '
  /^-N FD-{id}-/ {{ mine[$2] }} / -j FD-{id}-/ {{ reached[$NF] }}
  END {{ for (one in mine) if (!(one in reached)) print one }}'; done
"""


def check_direction(direction: str) -> None:
    """Raises Refused if it is not a direction."""
    if direction not in DIRECTIONS:
        raise Refused(f"no direction {direction!r}", f"choose one of {', '.join(DIRECTIONS)}")


def chain(target: Target, side: str) -> str:
    return f"FD-{target.id}-{side}"


def program(address: str) -> str:
    return "ip6tables" if ":" in address else "iptables"


def need(target: Target, addresses: list[str], *more: str) -> None:
    """Raises Refused where neither iptables nor nft of the host can do it."""
    if not tool(target, addresses, *more):
        wanted = [*sorted({program(address) for address in addresses}), *more]
        reasons = capability.missing(target, "root", *wanted, *(BY_NFT[one] for one in wanted if one in BY_NFT))
        raise Refused(f"{target.host.name} cannot: {'; '.join(reasons)}", "`faults doctor` shows which hosts can")


def tool(target: Target, addresses: list[str], *more: str) -> str | None:
    """`iptables`, or `nft` where iptables does not work; None where neither does or something else is missing."""
    wanted = ["root", *sorted({program(address) for address in addresses}), *more]
    if not capability.missing(target, *wanted):
        return "iptables"
    return None if capability.missing(target, *(BY_NFT.get(one, one) for one in wanted)) else "nft"


def note(target: Target, addresses: list[str], *more: str) -> dict[str, Any]:
    """Which of the two carries the fault out."""
    return {"firewall": tool(target, addresses, *more)}


def inject_text(target: Target, cuts: list[Cut], *, loopback: bool = False, seen: bool = False) -> str:
    """The shell text that adds the rules. `seen`: a rule before each verdict counts the packets that reach it."""
    texts = []
    for name in sorted({program(address) for cut in cuts for address in cut.addresses}):
        if target.before.get("firewall") == "nft":
            texts.append(nft.inject_text(target, name, cuts, loopback=loopback, seen=seen))
            continue
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
    """First of all rules: loopback, the controller, and SSH in both directions are exempt."""
    near, far = ("-i", "-s") if side == "in" else ("-o", "-d")
    own = f"-A {chain(target, side)}"
    ssh = login.port_of(target.host)
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
            verdict = VERDICTS[cut.verdict if protocol == "tcp" or cut.verdict != "refuse" else "reject"]
            if cut.share < 1:
                verdict = f"-m statistic --mode random --probability {cut.share:.6f} {verdict}"
            rules += [match] if seen else []
            rules.append(f"{match} {verdict}")
    return rules


def undo_text(target: Target) -> str:
    """The shell text that removes our chains and tables, and succeeds when none is left."""
    texts = [f"( {nft.undo_text(target)} ) || exit 1"]
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
    """One rule of ours, with the number of packets that it matched."""

    chain: str
    packets: int
    verdict: str
    rule: str


def counters(target: Target) -> list[Counted]:
    """Our rules with their counters, in order; none where they are not in place."""
    if target.before.get("firewall") == "nft":
        return [Counted(*row) for row in nft.counters(target)]
    shown = ssh.script(target.ssh, "iptables-save -c; ip6tables-save -c 2>/dev/null", check=False)
    found = []
    for line in shown.splitlines():
        if line.startswith("[") and f"-A FD-{target.id}-" in line:
            count, _, rule = line.partition(" ")
            verdict = rule.partition(" -j ")[2].split(" ")[0]
            found.append(Counted(rule.split()[1], int(count[1:].split(":")[0]), verdict, rule))
    return found


def hits(target: Target) -> int:
    """How many packets our rules have dropped or rejected."""
    return sum(rule.packets for rule in counters(target) if rule.verdict in ("DROP", "REJECT"))


def lasts(target: Target) -> str:
    """Evidence that our rules are in place, and that packets come to them. Raises NotEffective."""
    rules = [rule for rule in counters(target) if rule.verdict in ("DROP", "REJECT")]
    if not rules:
        raise NotEffective(f"{target.host.name}: its firewall rules are gone", "did another program flush them?")
    if cut_off := ssh.script(target.ssh, UNREACHED.format(id=target.id), check=False).split():
        raise NotEffective(f"{target.host.name}: nothing leads to its rules in {', '.join(sorted(set(cut_off)))}", "")
    return f"{target.host.name}: {len(rules)} rules in place, {sum(rule.packets for rule in rules)} packets hit"


def describe(target: Target) -> str:
    """The rules of this injection that the host's firewall has now."""
    rules = [rule for rule in counters(target) if rule.verdict in ("DROP", "REJECT")]
    return f"{len(rules)} rules, {sum(rule.packets for rule in rules)} packets hit" if rules else "no rule of it"
