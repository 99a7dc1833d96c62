"""Which VRRP advertisements reach keepalived: those of the other proxies, by address and by MAC address.

VRRPv3 has no authentication. An nftables table of our own drops every other advertisement. A small unit loads it at
boot, before keepalived starts; nftables.service, which flushes all tables, loads it again. Some kernels have no
nftables (user-mode Linux): there, the check by address remains.
"""

import hashlib
import re
from typing import NamedTuple

from pyinfra import host, inventory
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy import gate, topology
from firedrill.deploy.operations import files, services
from firedrill.deploy.operations.files import HostFile

UNIT = "firedrill-vrrp"
RULES = "/etc/keepalived/vrrp.nft"
TABLE = "ip firedrill_vrrp"
# Not the start of a word: what looks like the id of a fault would be taken for its leftovers.
DIGEST = "sha256_"
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
TRIAL = "add table ip x; add chain ip x y { type filter hook input priority 0; }"


class Peer(NamedTuple):
    """Another proxy. `mac` is None if it is not part of this run and was not known before."""

    address: str
    mac: str | None


class MacOf(FactBase[str | None]):
    """The MAC address of the interface that holds an address. Anything else would be a rule on the other proxies."""

    def command(self, address: str) -> str:
        return f"cat /sys/class/net/$(ip -o -4 address show to {address}/32 | awk '{{print $2}}')/address"

    def process(self, output: list[str]) -> str | None:
        return output[0] if output and MAC.fullmatch(output[0]) else None


class KnownMacs(FactBase[dict[str, str]]):
    """The MAC address of each peer in the rules that are on the host."""

    default = dict

    def command(self) -> str:
        find = r"s/.* saddr \([0-9.]*\) .* ether saddr \([0-9a-f:]*\) accept/\1 \2/p"
        return f"sed -n '{find}' {RULES} 2>/dev/null || true"

    def process(self, output: list[str]) -> dict[str, str]:
        return dict(line.split() for line in output)


class LoadedRules(FactBase[str]):
    """The digest of the rules that are loaded; `none`; `impossible` if the kernel has no nftables for IPv4."""

    default = str

    def command(self) -> str:
        return (
            f"found=$(nft list table {TABLE} 2>/dev/null | grep -o '{DIGEST}[0-9a-f]*'); "
            'if [ "$found" ]; then echo $found; elif ! command -v nft >/dev/null; then echo none; '
            f"elif unshare -n nft '{TRIAL}' 2>/dev/null; then echo none; else echo impossible; fi"
        )

    def process(self, output: list[str]) -> str:
        return output[-1] if output else "none"


def filtered() -> None:
    """Let only the advertisements of the other proxies through."""
    gate.through()
    peers = _peers()
    blank = topology.render("vrrp.nft.j2", peers=peers, digest="")
    digest = DIGEST + hashlib.sha256(blank.encode()).hexdigest()[:16]
    files.write(
        name="Write the filter of VRRP advertisements",
        files=[
            HostFile(RULES, topology.render("vrrp.nft.j2", peers=peers, digest=digest)),
            HostFile(f"/etc/systemd/system/{UNIT}.service", topology.render(f"{UNIT}.service.j2")),
            HostFile(
                f"/etc/systemd/system/nftables.service.d/{UNIT}.conf", topology.render(f"{UNIT}.nftables.conf.j2")
            ),
        ],
    )
    loaded(name="Load the filter of VRRP advertisements", digest=digest)


def _peers() -> list[Peer]:
    """The other proxies. One that is not part of this run keeps the MAC address that this host knows."""
    found, known = [], host.get_fact(KnownMacs)
    there = {topology.plain(item.name): item for item in inventory}
    for one in topology.members("proxy"):
        if one.name != topology.me().name:
            reached = there[one.name].connected
            mac = there[one.name].get_fact(MacOf, address=one.address) if reached else None
            found.append(Peer(one.address, mac or known.get(one.address)))
    return found


@operation()
def loaded(digest: str):
    """
    Load the filter, now and at each boot, if these rules are not loaded.

    + digest: of the rules, as in their comment
    """
    found = host.get_fact(LoadedRules)
    if found == "impossible":
        host.noop("this kernel has no nftables: advertisements are checked by address only (docs/security.md)")
        return
    if found == digest and host.get_fact(services.UnitState, unit=UNIT).get("UnitFileState") == "enabled":
        host.noop("the filter is loaded")
        return
    # A reload replaces the table in one transaction; a restart would remove it for a moment.
    yield StringCommand(f"systemctl enable --quiet {UNIT} && systemctl reload-or-restart {UNIT}")
