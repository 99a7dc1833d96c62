"""The firewall by nftables, where a host has no iptables: a table of our own for each injection.

Its chains run before those of other tables (a lower priority); packets that they accept still go through the others.
"""

from typing import TYPE_CHECKING

from firedrill.cluster import login, ssh
from firedrill.faults.protocol import Target

if TYPE_CHECKING:
    from firedrill.faults.network.firewall import Cut

PRIORITY = -150
HOOKS = {"in": "input", "out": "output"}
FAMILIES = {"iptables": "ip", "ip6tables": "ip6"}
TCP_ONLY = {"refuse": "tcp flags & rst == 0 "}
VERDICTS = {"drop": "drop", "reject": "reject", "refuse": "reject with tcp reset"}


def table(target: Target) -> str:
    return f"fd{target.id}"


def inject_text(target: Target, name: str, cuts: "list[Cut]", *, loopback: bool, seen: bool) -> str:
    """The shell text that adds the table of one family in one transaction; `name` is iptables or ip6tables."""
    family = FAMILIES[name]
    sides = sorted({side for cut in cuts for side in cut.sides})
    lines = []
    for side in sides:
        lines.append(f"chain {side} {{ type filter hook {HOOKS[side]} priority {PRIORITY}; policy accept;")
        lines += _exempt(target, side, family, loopback)
        for cut in cuts:
            if side in cut.sides:
                lines += _rules(side, family, cut, seen)
        lines.append("}")
    return f"nft -f - <<EOF\ntable {family} {table(target)} {{\n" + "\n".join(lines) + "\n}\nEOF"


def _exempt(target: Target, side: str, family: str, loopback: bool) -> list[str]:
    near, far = ("iifname", "saddr") if side == "in" else ("oifname", "daddr")
    ssh = login.port_of(target.host)
    controller = "c4" if family == "ip" else "c6"
    return [
        *([] if loopback else [f'{near} "lo" accept']),
        f"${{{controller}:+{family} {far} ${controller} accept}}",
        f"tcp dport {ssh} accept",
        f"tcp sport {ssh} accept",
    ]


def _rules(side: str, family: str, cut: "Cut", seen: bool) -> list[str]:
    far = "saddr" if side == "in" else "daddr"
    rules = []
    for address in cut.addresses:
        if (":" in address) != (family == "ip6"):
            continue
        for protocol in cut.protocols or (("tcp", "udp") if cut.ports else ("",)):
            for match in _matches(protocol, cut.ports):
                base = f"{family} {far} {address} {match}"
                verdict = cut.verdict if protocol == "tcp" or cut.verdict != "refuse" else "reject"
                chance = f"numgen random mod 10000 < {round(cut.share * 10000)} " if cut.share < 1 else ""
                rules += [f"{base}counter"] if seen else []
                rules.append(f"{base}{TCP_ONLY.get(verdict, '')}{chance}counter {VERDICTS[verdict]}")
    return rules


def _matches(protocol: str, ports: tuple[str, ...]) -> list[str]:
    if not protocol:
        return [""]
    if not ports:
        return [f"meta l4proto {protocol} "]
    return [f"{protocol} {end} {{ {', '.join(ports)} }} " for end in ("sport", "dport")]


def undo_text(target: Target) -> str:
    """The shell text that removes our tables, and succeeds when none is left; without nft there were none."""
    removal = "; ".join(f"nft delete table {family} {table(target)} 2>/dev/null" for family in FAMILIES.values())
    return f"{removal}\n! nft list tables 2>/dev/null | grep -q {table(target)}"


def counters(target: Target) -> list[tuple[str, int, str, str]]:
    """Our rules: chain, packets, verdict in capitals (empty where the rule only counts), text."""
    shown = ssh.script(
        target.ssh, "\n".join(f"nft list table {family} {table(target)} 2>/dev/null" for family in FAMILIES.values()),
        check=False,
    )  # fmt: skip
    found, chain = [], ""
    for line in map(str.strip, shown.splitlines()):
        if line.startswith("chain "):
            chain = line.split()[1]
        elif " counter packets " in line:
            count, _, rest = line.partition(" counter packets ")[2].partition(" ")
            words = rest.split()[2:]
            found.append((chain, int(count), words[0].upper() if words else "", line))
    return found
