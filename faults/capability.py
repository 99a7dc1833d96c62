"""What a host is capable of: tried in a throw-away network namespace, never assumed."""

from firedrill.cluster import login, ssh
from firedrill.faults.protocol import Refused, Target

CHAIN = "add table ip x; add chain ip x y { type filter hook input priority 0; };"
# name: the command that is tried, and the reason where it fails.
TRIALS = {
    "root": ("[ $(id -u) = 0 ]", "its SSH user is not root"),
    "python3": ("command -v python3", "it has no python3"),
    "iptables": ("unshare -n iptables -w -N x", "its iptables is missing or does not work"),
    "ip6tables": ("unshare -n ip6tables -w -N x", "its ip6tables is missing or does not work"),
    "statistic": (
        "unshare -n iptables -w -A INPUT -m statistic --mode random --probability 0.5 -j DROP",
        "its iptables has no statistic match",
    ),
    "reject": (
        "unshare -n iptables -w -A INPUT -p tcp -j REJECT --reject-with tcp-reset",
        "its iptables has no REJECT",
    ),
    "nft": ("unshare -n nft add table ip x", "its nft is missing or does not work"),
    "nft6": ("unshare -n nft add table ip6 x", "its nft is missing or knows no IPv6"),
    "nft_numgen": (f"unshare -n nft '{CHAIN} add rule ip x y numgen random mod 9 < 4 drop'", "its nft has no numgen"),
    "nft_reject": (f"unshare -n nft '{CHAIN} add rule ip x y reject with tcp reset'", "its nft has no reject"),
    "netem": ("unshare -n tc qdisc add dev lo root netem delay 1ms", "its kernel has no sch_netem"),
    "classful": (
        "unshare -n tc qdisc add dev lo root handle fd0d: prio || unshare -n tc qdisc add dev lo root handle fd0d: htb",
        "its kernel has neither sch_prio nor sch_htb",
    ),
    "ifb": ("unshare -n ip link add x type ifb", "its kernel has no ifb"),
    "own_kernel": (
        "! systemd-detect-virt --quiet --container",
        "it is a container: it shares its machine's kernel and clock",
    ),
    "prlimit": ("command -v prlimit", "it has no prlimit (util-linux)"),
    "findmnt": ("command -v findmnt", "it has no findmnt (util-linux)"),
    "fsfreeze": ("command -v fsfreeze", "it has no fsfreeze (util-linux)"),
    "fallocate": ("command -v fallocate", "it has no fallocate (util-linux)"),
}


def missing(target: Target, *wanted: str) -> list[str]:
    """The reason for each wanted capability that the host lacks."""
    lines = [f"( {TRIALS[name][0]} ) </dev/null >/dev/null 2>&1 && echo {name}" for name in wanted]
    can = ssh.script(target.ssh, "\n".join(lines), check=False).split()
    return [TRIALS[name][1] for name in wanted if name not in can]


def need_root(target: Target) -> None:
    """Raises Refused: a fault by another user would be on record, and could be neither injected nor healed."""
    if missing(target, "root"):
        raise Refused(
            f"{target.host.name}: the SSH user {login.of(target.host).user} is not root, and faults need root",
            "set `ssh_user` to root, or `sudo` to True",
        )


def need(target: Target, *wanted: str) -> None:
    """Raises Refused with the reasons."""
    need_root(target)
    if reasons := missing(target, *wanted):
        raise Refused(f"{target.host.name} cannot: {'; '.join(reasons)}", "`faults doctor` shows which hosts can")
