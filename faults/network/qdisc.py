"""The qdiscs of an interface: whose they are, and which other injection treats the same packets already."""

import re
from collections.abc import Iterable

from firedrill.cluster import ssh
from firedrill.faults import undo
from firedrill.faults.protocol import Refused, Target

LOCK = "/run/faults-netem.lock"
DEVICE = re.compile(r"[\w.@-]{1,32}")


def noted_device(target: Target) -> str:
    """The interface that was noted at the injection; `DEVICE` in a dry run. Raises Refused for no such name."""
    device = str(target.before.get("netem", {}).get("device", "DEVICE"))
    if not DEVICE.fullmatch(device):
        raise Refused(f"{target.host.name}: {device!r} is not an interface", "its journal is damaged: undo it by hand")
    return device


def device(target: Target, addresses: Iterable[str]) -> str:
    """The interface that leads to the addresses. Raises Refused where it is not one."""
    hosts = " ".join(address.split("/")[0] for address in addresses)
    text = f"for one in {hosts}; do ip -o route get $one; done | sed 's/.* dev //; s/ .*//' | sort -u"
    shown = ssh.script(target.ssh, text).split()
    if len(shown) != 1 or shown == ["lo"] or not DEVICE.fullmatch(shown[0]):
        found = ", ".join(shown) or "no interface"
        raise Refused(f"{target.host.name}: its peers are behind {found}, wanted one interface", "name other peers")
    return shown[0]


def refuse_foreign(target: Target, device: str, sides: Iterable[str], *fine: str) -> None:
    """Raises Refused where the root or ingress qdisc is not ours; `fine` are the handles that may be the root's."""
    shown = ssh.sh(target.ssh, f"tc qdisc show dev {device}; ip -o link show type ifb")
    for line in shown.splitlines():
        words = line.split()
        if len(words) < 3 or words[0] != "qdisc":
            continue
        if "root" in words and words[2] not in fine:
            raise Refused(
                f"{target.host.name}: the root qdisc of {device} is `{words[1]} {words[2]}`, which is "
                f"{_owner(target, device)}",
                "heal it first, ask who shapes that interface, or name peers behind another one",
            )
        if words[2] == "ffff:" and "in" in sides and ": fd" not in shown:
            raise Refused(
                f"{target.host.name}: {device} has `{words[1]} ffff:`, which is not ours", "use direction out"
            )


def _owner(target: Target, device: str) -> str:
    for journal in undo.journals(target.ssh):
        if journal.before.get("netem", {}).get("device") == device:
            return f"of {journal.fault} {journal.id}: chaosblade and tc cannot share one"
    return "not ours"


def refuse_clash(target: Target, addresses: Iterable[str], ports: list[str], sides: Iterable[str]) -> None:
    """Raises Refused where another injection has the same packets: the second would have no effect."""
    for journal in undo.journals(target.ssh):
        other = journal.before.get("netem")
        if not other or not set(addresses) & set(other["addresses"]) or not set(other["sides"]) & set(sides):
            continue
        if not ports or not other["ports"] or set(ports) & set(other["ports"]):
            raise Refused(
                f"{target.host.name}: {journal.fault} {journal.id} has these packets already",
                "heal it first, or name other peers or ports",
            )
