"""The lab's network: one bridge with an address, and apt's way out and nothing else.

Hosts may resolve names and fetch packages (DNS, TCP 80 and 443, masqueraded); all else that leaves the lab's own
subnet is dropped in a table of our own, so that a fault's traffic never reaches a foreign system. Everything here is
removed by `down`.
"""

import ipaddress
import json
import shutil
from dataclasses import dataclass

from firedrill.inventories.errors import Problem
from firedrill.lab.run import run

TABLE = """
table ip {table}
delete table ip {table}
table ip {table} {{
  chain forward {{
    type filter hook forward priority filter - 10; policy accept;
    iifname "{bridge}" oifname "{bridge}" accept
    iifname "{bridge}" ct state established,related accept
    iifname "{bridge}" meta l4proto {{ tcp, udp }} th dport 53 accept
    iifname "{bridge}" tcp dport {{ 80, 443 }} accept
    iifname "{bridge}" drop
    oifname "{bridge}" ct state established,related accept
    oifname "{bridge}" drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {subnet} oifname != "{bridge}" masquerade
  }}
}}
"""


@dataclass(frozen=True)
class Network:
    """The bridge of one lab, named and addressed by the inventory."""

    lab: str
    bridge: str
    address: str

    @property
    def table(self) -> str:
        return f"firedrill_{self.lab}"

    @property
    def interface(self) -> ipaddress.IPv4Interface:
        return ipaddress.IPv4Interface(self.address)


def check(network: Network) -> None:
    """Refuse a subnet that this machine uses otherwise, before anything is made."""
    for link in json.loads(run(["ip", "-j", "address"]).stdout):
        for item in link.get("addr_info", []):
            if item["family"] != "inet":
                continue
            theirs = ipaddress.IPv4Interface(f"{item['local']}/{item['prefixlen']}")
            if link["ifname"] == network.bridge:
                if theirs != network.interface:
                    raise Problem(
                        f"the bridge {network.bridge} is there already with the address {theirs}",
                        "give the lab another bridge name in the inventory, or remove that bridge",
                    )
            elif theirs.network.overlaps(network.interface.network):
                raise Problem(
                    f"the lab's network {network.interface.network} is taken: {link['ifname']} has {theirs}",
                    "choose another subnet for `lab.address` and the hosts in the inventory",
                )


def up(network: Network) -> None:
    """Make the bridge and the firewall table."""
    if run(["ip", "link", "show", network.bridge], check=False).returncode:
        run(["ip", "link", "add", network.bridge, "type", "bridge", "forward_delay", "0"])
    run(["ip", "address", "replace", network.address, "dev", network.bridge])
    run(["ip", "link", "set", network.bridge, "up"])
    subnet = network.interface.network
    run(["nft", "-f", "-"], stdin=TABLE.format(table=network.table, bridge=network.bridge, subnet=subnet))
    for rule in _past_a_closed_firewall(network):
        if run(["iptables", "-w", "-C", *rule], check=False).returncode:
            run(["iptables", "-w", "-I", *rule])


def down(network: Network) -> None:
    """Remove it all."""
    for rule in _rules(network):
        if shutil.which("iptables"):
            run(["iptables", "-w", "-D", *rule], check=False)
    run(["nft", "delete", "table", "ip", network.table], check=False)
    for link in json.loads(run(["ip", "-j", "link", "show", "master", network.bridge], check=False).stdout or "[]"):
        run(["ip", "link", "delete", link["ifname"]], check=False)
    run(["ip", "link", "delete", network.bridge], check=False)


def _rules(network: Network) -> list[list[str]]:
    own = ["-m", "comment", "--comment", network.table, "-j", "ACCEPT"]
    return [["FORWARD", side, network.bridge, *own] for side in ("-i", "-o")]


def _past_a_closed_firewall(network: Network) -> list[list[str]]:
    """Where another tool (Docker) closed FORWARD, our own table's accept is not final: these rules open it."""
    if not shutil.which("iptables"):
        return []
    shown = run(["iptables", "-w", "-S", "FORWARD"], check=False).stdout
    return _rules(network) if "-P FORWARD DROP" in shown else []


def veth_of(bridge: str, pid: int) -> str | None:
    """The machine's end of the link whose other end is `host0` of the network namespace of `pid`."""
    shown = run(["nsenter", "-t", str(pid), "-n", "ip", "-j", "link", "show", "host0"], check=False)
    if shown.returncode:
        return None
    index = json.loads(shown.stdout)[0].get("link_index")
    for link in json.loads(run(["ip", "-j", "link", "show", "master", bridge]).stdout):
        if link.get("ifindex") == index:
            return link["ifname"]
    return None


def forget(network: Network, address: str) -> None:
    """Drop what this machine learned of a host's hardware address; it may believe it for 45 s after a change."""
    run(["ip", "neighbour", "flush", "to", address, "dev", network.bridge], check=False)


def remove(link: str) -> None:
    """Remove a link; gone already is fine."""
    run(["ip", "link", "delete", link], check=False)


def silence(port: str, *, silent: bool) -> None:
    """Drop every frame of a bridge port without a change of carrier: what a frozen machine's network looks like."""
    # `ip link set ... type bridge_slave state` says nothing and does nothing without STP; `bridge` does it.
    run(["bridge", "link", "set", "dev", port, "state", "disabled" if silent else "forwarding"])
