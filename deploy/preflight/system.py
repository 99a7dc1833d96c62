"""The operating system of each host."""

from collections.abc import Sequence

from firedrill.deploy import versions, watchdog
from firedrill.deploy.preflight.seen import Findings, Seen, finding
from firedrill.inventories.errors import InventoryProblem

# Seconds that a host's clock may differ from the controller's: a warning, a refusal (certificates are dated).
SKEW_WARNED_S, SKEW_REFUSED_S = 1, 60
SESSIONS = 2


def root(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        if seen.found["user"] != 0:
            user = seen.host.data.get("ssh_user") or "the SSH user"
            yield finding(
                seen,
                "root",
                f"commands run as {user} (uid {seen.found['user']})",
                "log in as root, or set `sudo` to True",
            )


def release(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        try:
            versions.of(seen.host, seen.found["reported"])
        except InventoryProblem as problem:
            yield finding(seen, "release", problem.cause, problem.remedy)


def systemd(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        if not seen.found["systemd"]:
            yield finding(seen, "systemd", "systemd does not run", "boot the host with systemd as process 1")


def identity(all_seen: Sequence[Seen]) -> Findings:
    """Cloned machines: Patroni, etcd and DHCP mistake them for each other."""
    for key, text, remedy in (
        ("hostname", "host name", "give each its own: hostnamectl set-hostname NAME"),
        (
            "machine_id",
            "machine id",
            "on all but one: rm /etc/machine-id && systemd-machine-id-setup, then reboot it",
        ),
    ):
        first: dict[str, Seen] = {}
        for seen in all_seen:
            value = seen.found[key]
            other = first.setdefault(value, seen)
            if value and other is not seen:
                yield finding(seen, "identity", f"the {text} {value} is also that of {other.host.name}", remedy)


def clock(all_seen: Sequence[Seen]) -> Findings:
    """Compared with the controller's clock, as exactly as the round trip allows."""
    for seen in all_seen:
        now = seen.found["now"]
        skew = now - min(max(now, seen.before), seen.after)
        if abs(skew) > SKEW_WARNED_S:
            yield finding(
                seen,
                "clock",
                f"the clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's",
                "synchronise both clocks, for example with chrony",
                refused=abs(skew) > SKEW_REFUSED_S,
            )


def sessions(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        limit = seen.found.get("max_sessions")
        if limit is not None and limit < SESSIONS:
            yield finding(
                seen,
                "sshd",
                f"sshd has MaxSessions {limit}",
                f"set MaxSessions to {SESSIONS} or more (10 is sshd's own) and reload sshd",
            )


def device(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        settings = seen.host.data["watchdog"]
        if "postgres" not in seen.host.roles or settings["mode"] != "required":
            continue
        try:
            watchdog.refuse_missing(seen.host.name, settings["device"], set(seen.found["watchdog"]))
        except InventoryProblem as problem:
            yield finding(seen, "watchdog", problem.cause, problem.remedy)
