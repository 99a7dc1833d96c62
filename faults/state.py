"""What a host has in common before and after a fault: qdiscs, firewall, links, units, stopped processes, clock.

Other programs change a host, too. A fault says which sections it `touches`: what is gone there, or in another order, is
not clean. What is new is another program's, since everything of ours carries our id. All other changes are notes.

Everything with the id of an injection of ours is left out, so that simultaneous faults do not show up in each other's
comparison. So is what has no effect: counters, and empty chains that accept everything, which iptables leaves behind.
"""

import re
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from firedrill.cluster import clock, fence, ssh
from firedrill.cluster.ssh import Connection
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable

NETEM = ("qdiscs", "filters", "links")
FIREWALL = ("firewall", "nftables")
CLOCK = ("ntp", "clock")
UNSAID = (*NETEM, *FIREWALL)  # what a fault touches that does not say it
SECTIONS = (*UNSAID, *CLOCK, "failed", "stopped")
SETTLE_SECONDS = 6
COME_AND_GO = ("failed", "stopped")  # what was there before may be gone: the host improved
CLOCK_SECONDS = 0.5
MOST_NOTES = 5
QUESTIONS = 3
HANDLE = "fd0d:"  # of our own root qdisc, in hexadecimal
COUNTERS = re.compile(r" ?\[\d+:\d+\]")
OURS = re.compile(rf"\b(FD-[0-9a-f]{{8}}|faults-(boot-)?[0-9a-f]{{8}}|fd[0-9a-f]{{8}})|{HANDLE}")
BLADE = r"^qdisc \S+ (1: dev {0} root|\S+ dev {0} parent 1:)"
LOOK = r"""
echo @blades; cat /var/lib/faults/*.blade 2>/dev/null
echo @qdiscs; tc qdisc show 2>/dev/null | sed 's/ refcnt [0-9]*//'
echo @filters; for one in $(ls /sys/class/net); do
  tc qdisc show dev $one root 2>/dev/null | grep -q ' fd0d: ' || tc filter show dev $one 2>/dev/null | sed "s/^/$one /"
  ip -o link show type ifb 2>/dev/null | grep -q ': fd' ||
    tc filter show dev $one ingress 2>/dev/null | sed "s/^/$one in /"
done
echo @links; ip -o link show type ifb 2>/dev/null
echo @firewall; for one in iptables ip6tables; do $one-save 2>/dev/null | sed "s/^/$one /"; done
echo @nftables; nft -s list ruleset 2>/dev/null
echo @failed; systemctl list-units --failed --plain --no-legend | cut -d' ' -f1
echo @stopped; for one in $(grep -lE '^State:.T' /proc/[0-9]*/status 2>/dev/null); do
  pid=${one#/proc/}; cat /var/lib/faults/*.pids 2>/dev/null | grep -qw "${pid%/status}" || echo $one; done
echo @ntp; for one in systemd-timesyncd chrony ntpsec; do systemctl is-active --quiet $one && echo $one; done
echo @numbers; ls /var/lib/faults/*.number 2>/dev/null
echo @machine; cat /etc/machine-id
echo @clock; ls /var/lib/faults/*.clock 2>/dev/null
"""

SHOWN = tuple(re.findall(r"^echo @(\w+)", LOOK, re.MULTILINE))

State = dict[str, list[str]]


def clock_offset(connection: Connection) -> float:
    """Seconds by which the host's clock is ahead of ours, from the fastest of some answers."""
    return min((_ask_clock(connection) for _ in range(QUESTIONS)), key=lambda answer: answer[0])[1]


def _ask_clock(connection: Connection) -> tuple[float, float]:
    """How long the answer took, and the offset if the host read its clock halfway."""
    began = clock.now()
    text = ssh.sh(connection, "date +%s.%N")
    if not re.fullmatch(r"\d{1,12}\.\d{1,9}", text, re.ASCII):
        raise Problem(f"{connection.host}: `date` prints {printable(text[:40])!r}, wanted a time", "look at it there")
    shown = float(text)
    took = (clock.now() - began) / clock.SECOND
    return took, shown - (began / clock.SECOND + took / 2)


def clock_reading(connection: Connection) -> list[str]:
    """The host's clock against our wall clock and our CLOCK_BOOTTIME (s), and the boot that the latter counts from."""
    offset, ours = clock_offset(connection), clock.read()
    stepped, origin = clock.lead(ours) / clock.SECOND, (clock.now() - ours.boot) / clock.SECOND
    return [f"{offset - stepped:.3f}", f"{offset + origin:.3f}", clock.boot_id()]


def clock_moved(was: Sequence[str], now: Sequence[str]) -> float:
    """By how many seconds the host's clock was set in between: not at all if it kept up with either clock of ours.

    Ours may have been stepped meanwhile, too; a local host shares our wall clock.
    """
    by_wall = float(now[0]) - float(was[0])
    if len(was) < 3 or len(now) < 3 or was[2] != now[2]:
        return by_wall
    return min(by_wall, float(now[1]) - float(was[1]), key=abs)


def take(connection: Connection) -> State:
    """The host's state, by section. Raises Problem where it cannot be read."""
    sections = _sections(ssh.script(connection, LOOK, seconds=ssh.RECOVERING_SECONDS, check=False))
    if lacking := [name for name in SHOWN if name not in sections]:
        raise Problem(f"{connection.host}: its state cannot be read (no {lacking[0]})", "does `sh` work there?")
    sections |= _ours(sections, bool(sections.pop("numbers")))
    # A chaosblade experiment of ours shows no id in tc: it has the root of the interface to itself.
    for device in sections.pop("blades"):
        sections["qdiscs"] = [line for line in sections["qdiscs"] if not re.search(BLADE.format(device), line)]
        sections["filters"] = [line for line in sections["filters"] if not line.startswith(f"{device} ")]
    # A clock that a fault of ours has set is not compared.
    set_wrong = sections.pop("clock")
    shared = any(f": fd{word}" in "".join(sections["links"]) for word in "0123456789abcdef")
    sections["qdiscs"] = [
        line for line in _without_ours(sections["qdiscs"])
        # The kernel's own default returns by itself; an ingress qdisc next to an ifb of ours is ours.
        if " 0: " not in line and not (shared and " ffff: " in line)
    ]  # fmt: skip
    for section in ("filters", "links", "failed"):
        sections[section] = _without_ours(sections[section])
    sections["nftables"] = list(_nftables(sections["nftables"], _shown_by_iptables(sections["firewall"])))
    sections["firewall"] = list(_iptables(sections["firewall"]))
    return sections | {"clock": [] if set_wrong else clock_reading(connection)}


def _sections(shown: str) -> State:
    found: State = {}
    lines: list[str] = []
    for line in shown.splitlines():
        if line.startswith("@") and line[1:] in SHOWN:
            lines = found.setdefault(line[1:], [])
        else:
            lines.append(line.rstrip())
    return found


def _ours(sections: State, netem: bool) -> State:
    """What carries an id of ours, and our root qdisc if no injection of netem is on the host any more."""
    marked = [line for name in ("links", "firewall", "nftables") for line in sections[name] if OURS.search(line)]
    return {"ours": marked, "unowned": [] if netem else [line for line in sections["qdiscs"] if f" {HANDLE}" in line]}


def _without_ours(lines: list[str]) -> list[str]:
    return [line for line in lines if not OURS.search(line)]


def _iptables(lines: list[str]) -> Iterator[str]:
    """Each rule and chain with its table, without counters and the system's own empty chains that accept all."""
    table = ""
    for line in lines:
        program, _, text = line.partition(" ")
        if text.startswith("*"):
            table = text[1:]
        elif text.startswith((":", "-")) and not OURS.search(text) and not re.match(r":\w+ ACCEPT ", text):
            yield f"{program} {table} {COUNTERS.sub('', text)}"


def _shown_by_iptables(lines: list[str]) -> set[str]:
    """The tables, by nft's names, that iptables made and lists itself."""
    families = {"iptables": "ip", "ip6tables": "ip6"}
    words = (line.split() for line in lines)
    return {f"table {families[word[0]]} {word[1][1:]} {{" for word in words if word[1].startswith("*")}


def _nftables(lines: list[str], shown: set[str]) -> Iterator[str]:
    """The rules in the other tables, without the elements of sets: fail2ban and others change them all the time.

    Without those of the fence, too: whom a host refuses comes and goes with the leader, whatever a fault does.
    """
    foreign, elements = True, False
    for line in lines:
        if line.startswith("table "):
            foreign = line not in shown and line != fence.TABLE and not OURS.search(line)
        elements = elements or line.lstrip().startswith("elements = {")
        if foreign and line and not elements and not line.startswith("#"):
            yield line
        elements = elements and not line.endswith("}")


def is_rebuilt(before: State, connection: Connection) -> bool:
    """Whether it is another machine now, under the same name. Asked before every undo, which must not wait."""
    return before["machine"] != ssh.sh(connection, "cat /etc/machine-id").splitlines()


@dataclass(frozen=True)
class Changes:
    """How a host differs from before: by this fault, or `meanwhile`, by others."""

    by_fault: tuple[str, ...]
    meanwhile: tuple[str, ...]

    @property
    def note(self) -> str:
        """What others changed, for the evidence; empty where nothing did."""
        if not self.meanwhile:
            return ""
        more = len(self.meanwhile) - MOST_NOTES
        shown = "; ".join(self.meanwhile[:MOST_NOTES]) + (f"; and {more} more" if more > 0 else "")
        return f"changed meanwhile, not by this fault: {shown}"


def differences(before: State, after: State, touches: Collection[str] = UNSAID, identity: str = "") -> Changes:
    """Each difference, named. What still carries the `identity` of the injection is left behind by it."""
    left = [line for line in after.get("ours", []) if identity and identity in line]
    left += after.get("unowned", []) if "qdiscs" in touches else []
    by_fault = [f"`{line.strip()}` is left behind" for line in left]
    meanwhile: list[str] = []
    for section in SECTIONS:
        if section in before and section in after:
            new, wrong = _of_section(section, before[section], after[section])
            meanwhile += new
            (by_fault if section in touches else meanwhile).extend(wrong)
    return Changes(tuple(by_fault), tuple(meanwhile))


def _of_section(section: str, was: list[str], now: list[str]) -> tuple[list[str], list[str]]:
    """What is new, and what is wrong: gone, or in another order."""
    if section == "clock":
        return [], _clock(was, now)
    new, lost = Counter(now) - Counter(was), Counter(was) - Counter(now)
    added = [f"{section}: `{line.strip()}` is new" for line in new.elements()]
    if section in COME_AND_GO:
        return added, []
    if lost:
        return added, [f"{section}: `{line.strip()}` is gone" for line in lost.elements()]
    rest = iter(now)
    in_order = section not in FIREWALL or all(line in rest for line in was)
    return added, [] if in_order else [f"{section}: the order of the rules differs"]


def _clock(was: list[str], now: list[str]) -> list[str]:
    if not was or not now:
        return []
    off = clock_moved(was, now)
    return [f"clock: off by {off:+.2f} s"] if abs(off) > CLOCK_SECONDS else []


def settle(before: State, connection: Connection, touches: Collection[str] = UNSAID, identity: str = "") -> Changes:
    """What differs after the host had some time to settle."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := differences(before, take(connection), touches, identity)).by_fault:
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    return found
