"""The lab's network: a bridge with an address, and an nftables table that lets hosts reach only DNS and packages.

Hosts can resolve names and fetch packages (DNS, TCP 80 and 443, masqueraded). Everything else that leaves the lab's
subnet is dropped, so that the traffic of a fault never reaches another system. `down` removes all of it: what carries
the lab's name, and a bridge only if it has our mark.
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
    """The bridge of a lab: name and address from the inventory."""

    lab: str
    bridge: str
    address: str

    @property
    def table(self) -> str:
        return f"firedrill_{self.lab}"

    @property
    def interface(self) -> ipaddress.IPv4Interface:
        return ipaddress.IPv4Interface(self.address)

    @property
    def mac(self) -> str:
        """A fixed one. Otherwise a bridge takes the lowest of its ports, and another when that host is switched off."""
        return "02:fd:" + self.interface.ip.packed.hex(":")

    @property
    def mark(self) -> str:
        """The alias of a bridge that this lab created."""
        return f"firedrill:{self.lab}"


def check(network: Network) -> None:
    """Refuse a subnet or a bridge that is in use for something else, before anything is created."""
    links = json.loads(run(["ip", "-j", "address"]).stdout)
    if any(link["ifname"] == network.bridge for link in links) and not _is_ours(network):
        raise Problem(
            f"{network.bridge} exists and is not the bridge of the lab {network.lab}",
            "choose another bridge name in the inventory, or remove that link",
        )
    for link in links:
        for item in link.get("addr_info", []):
            if item["family"] != "inet":
                continue
            theirs = ipaddress.IPv4Interface(f"{item['local']}/{item['prefixlen']}")
            if link["ifname"] == network.bridge:
                if theirs != network.interface:
                    raise Problem(
                        f"the bridge {network.bridge} exists with the address {theirs}, not {network.interface}",
                        "run `lab down` first, or choose another bridge name in the inventory",
                    )
            elif theirs.network.overlaps(network.interface.network):
                raise Problem(
                    f"the lab's network {network.interface.network} is taken: {link['ifname']} has {theirs}",
                    "choose another subnet for `lab.address` and the hosts in the inventory",
                )


def up(network: Network) -> None:
    """Create the bridge and the firewall table."""
    if run(["ip", "link", "show", network.bridge], check=False).returncode:
        # One command, so that a bridge without our mark is not left behind when this process is killed.
        make = (
            f"link add {network.bridge} address {network.mac} type bridge forward_delay 0\n"
            f"link set {network.bridge} alias {network.mark}"
        )
        run(["ip", "-batch", "-"], stdin=make)
    run(["ip", "address", "replace", network.address, "dev", network.bridge])
    run(["ip", "link", "set", network.bridge, "up"])
    subnet = network.interface.network
    run(["nft", "-f", "-"], stdin=TABLE.format(table=network.table, bridge=network.bridge, subnet=subnet))
    for rule in _past_a_closed_firewall(network):
        if run(["iptables", "-w", "-C", *rule], check=False).returncode:
            run(["iptables", "-w", "-I", *rule])


def down(network: Network) -> None:
    """Remove all of it. A bridge without our mark, and its ports, are left alone."""
    for rule in _rules(network):
        if shutil.which("iptables"):
            run(["iptables", "-w", "-D", *rule], check=False)
    run(["nft", "delete", "table", "ip", network.table], check=False)
    if not _is_ours(network):
        return
    for link in json.loads(run(["ip", "-j", "link", "show", "master", network.bridge]).stdout):
        run(["ip", "link", "delete", link["ifname"]], check=False)
    run(["ip", "link", "delete", network.bridge], check=False)


def _is_ours(network: Network) -> bool:
    shown = run(["ip", "-j", "link", "show", network.bridge], check=False).stdout
    return any(link.get("ifalias") == network.mark for link in json.loads(shown or "[]"))


def _rules(network: Network) -> list[list[str]]:
    own = ["-m", "comment", "--comment", network.table, "-j", "ACCEPT"]
    return [["FORWARD", side, network.bridge, *own] for side in ("-i", "-o")]


def _past_a_closed_firewall(network: Network) -> list[list[str]]:
    """If another tool (Docker) set FORWARD to DROP, the accept of our own table is not final: these rules open it."""
    if not shutil.which("iptables"):
        return []
    shown = run(["iptables", "-w", "-S", "FORWARD"], check=False).stdout
    return _rules(network) if "-P FORWARD DROP" in shown else []


def veth_of(bridge: str, pid: int) -> str | None:
    """This machine's end of the link whose other end is `host0` in the network namespace of `pid`."""
    shown = run(["nsenter", "-t", str(pid), "-n", "ip", "-j", "link", "show", "host0"], check=False)
    if shown.returncode:
        return None
    index = json.loads(shown.stdout)[0].get("link_index")
    for link in json.loads(run(["ip", "-j", "link", "show", "master", bridge]).stdout):
        if link.get("ifindex") == index:
            return link["ifname"]
    return None


def forget(network: Network, address: str) -> None:
    """Drop the learned hardware address of a host; a stale one would be used for up to 45 s."""
    run(["ip", "neighbour", "flush", "to", address, "dev", network.bridge], check=False)


def remove(link: str) -> None:
    """Remove a link, if it exists."""
    run(["ip", "link", "delete", link], check=False)


def silence(port: str, *, silent: bool) -> None:
    """Drop every frame of a bridge port without a carrier change, like the network of a frozen machine."""
    # `ip link set ... type bridge_slave state` has no effect without STP, and reports no error.
    run(["bridge", "link", "set", "dev", port, "state", "disabled" if silent else "forwarding"])
