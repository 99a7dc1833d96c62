"""The refusal of an old leader on this host: rules of nftables that expire by themselves and survive no reboot.

They refuse PostgreSQL and Patroni of the old leader's address, with a reset: what a standby sent before has arrived,
nothing it sends later does. PostgreSQL of this host stays open to it, so that it can rejoin; Patroni does not, or it
could call this standby for its failsafe mode. Nothing of the machine's own traffic (lo) is refused: the reset that the
kernel makes for a local socket comes from there.
"""

import ipaddress
import subprocess
from collections.abc import Callable

NFT = "/usr/sbin/nft"
TABLE = "ip firedrill_fence"
RULES = """\
add table {table}
delete table {table}
table {table} {{
    set refused {{
        type ipv4_addr
        flags timeout
    }}
    chain input {{
        type filter hook input priority -20; policy accept;
        iifname "lo" accept
        ip saddr @refused tcp sport {{ {postgres}, {patroni} }} reject with tcp reset
        ip saddr @refused tcp dport {patroni} reject with tcp reset
    }}
    chain output {{
        type filter hook output priority -20; policy accept;
        ip daddr @refused tcp dport {{ {postgres}, {patroni} }} reject with tcp reset
    }}
}}
"""


class Failed(Exception):
    """nftables does not do this; the text is its answer."""


def nft(script: str) -> None:
    """Run a script of nft: all of it takes effect, or nothing. Raises Failed."""
    try:
        done = subprocess.run([NFT, "-f", "-"], input=script, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise Failed(f"{NFT}: {error}") from None
    if done.returncode:
        raise Failed(f"{NFT}: {(done.stderr.strip() or f'exit code {done.returncode}').splitlines()[0]}")


class Refusal:
    """The rules of this host. One address at most is refused at a time."""

    def __init__(self, postgres: int, patroni: int, run: Callable[[str], None] = nft) -> None:
        self._rules = RULES.format(table=TABLE, postgres=int(postgres), patroni=int(patroni))
        self._run = run
        self.address: str | None = None

    def prepare(self) -> None:
        """Load the rules with nobody refused, if they are not loaded. Raises Failed."""
        try:
            self._run(f"list set {TABLE} refused\n")
        except Failed:
            self._run(self._rules)

    def refuse(self, address: str, seconds: int) -> None:
        """Refuse this address, and no other, for so long from now on. Raises Failed."""
        plain = ipaddress.IPv4Address(address)
        # An element keeps its timeout, so it is made anew: in one transaction, without a gap.
        script = f"flush set {TABLE} refused\nadd element {TABLE} refused {{ {plain} timeout {int(seconds)}s }}\n"
        try:
            self._run(script)
        except Failed:  # somebody flushed the rules
            self._run(self._rules + script)
        self._run(f"get element {TABLE} refused {{ {plain} }}\n")
        self.address = str(plain)

    def nobody(self) -> None:
        """Refuse nobody any longer. Raises Failed."""
        self.prepare()
        self._run(f"flush set {TABLE} refused\n")
        self.address = None
