"""Every address of every host: what the host itself lists, what the cluster reports, and what the inventory says.

A cut of one address leaves connections over another network, or over IPv6, as they are. The book that was made for the
injection is noted, so that the rules and their proof speak of the same addresses.
"""

import ipaddress
import json
import shlex
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.cluster.systems import system_of
from firedrill.faults.protocol import Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

NOTE = "addresses"
ANSWER_SECONDS = 1.0
FRESH_SECONDS = 5  # one injection needs its book several times, and a doctor dozens of times
ASK = 'echo "controller ${SSH_CONNECTION%% *}"; ip -j addr show scope global 2>/dev/null'


@dataclass(frozen=True)
class Answer:
    """What a host lists, and the address from which this controller reaches it."""

    addresses: tuple[str, ...] = ()
    controller: str = ""


@dataclass(frozen=True)
class Book:
    """The addresses of each host by its name, the inventory's first; and the address of this controller."""

    hosts: dict[str, list[str]]
    controller: str = ""

    def of(self, name: str) -> list[str]:
        return self.hosts.get(name, [])

    def of_peer(self, name: str, target: str) -> list[str]:
        """The addresses of a host, without any that the target has, too; none if this controller runs on that host."""
        found, own = self.of(name), self.of(target)
        return [] if name == target or self.controller in found else [one for one in found if one not in own]


@dataclass(frozen=True)
class Listed:
    """What all hosts and the cluster say of addresses (`names` may be DNS names), and the book of each target."""

    at: float
    names: dict[str, list[str]]
    controllers: dict[str, str]
    books: dict[str, Book] = field(default_factory=dict)


_known: dict[str, Listed] = {}
_one_at_a_time = threading.Lock()


def book(target: Target) -> Book:
    """As noted at the injection, else as it is now. Without a connection it has the inventory's addresses alone."""
    if noted := target.before.get(NOTE):
        return Book({name: usable(found) for name, found in noted["hosts"].items()}, noted["controller"])
    access = target.access
    if target.connection is None:
        return Book({host.name: [host.address] for host in access.inventory.hosts})
    with _one_at_a_time:
        key = str(access.inventory.path)
        if key not in _known or time.monotonic() - _known[key].at > FRESH_SECONDS:
            _known[key] = _ask(access)
        listed = _known[key]
    if target.host.name not in listed.books:
        listed.books[target.host.name] = _book(target, listed)
    return listed.books[target.host.name]


def _book(target: Target, listed: Listed) -> Book:
    resolved = _resolved(target, {one for found in listed.names.values() for one in found})
    hosts = {name: usable(one for word in found for one in resolved[word]) for name, found in listed.names.items()}
    return Book(hosts, listed.controllers[target.host.name])


def note(target: Target) -> dict[str, Any]:
    """The book, for the target's `before`."""
    return {NOTE: asdict(book(target))}


def _ask(access: Access) -> Listed:
    """Ask all hosts and the cluster, in parallel."""
    hosts = access.inventory.hosts
    with ThreadPoolExecutor(1) as pool:
        reported = pool.submit(_reported, access)
        answers = dict(zip((host.name for host in hosts), each(_asked, hosts), strict=True))
    names = {
        host.name: [host.address, *answers[host.name].addresses, *reported.result().get(host.name, [])]
        for host in hosts
    }
    return Listed(time.monotonic(), names, {name: answer.controller for name, answer in answers.items()})


def _reported(access: Access) -> Mapping[str, Sequence[str]]:
    try:
        return system_of(access.inventory).endpoints(access)
    except Problem:  # no password for it, for example
        return {}


def _asked(host: Host) -> Answer:
    """Nothing from a host that does not answer."""
    if not ssh.answers(host, ANSWER_SECONDS):
        return Answer()
    try:
        with ssh.connect(host) as connection:
            return parse(ssh.script(connection, ASK, check=False))
    except Problem:
        return Answer()


def parse(shown: str) -> Answer:
    """What ASK printed, between lines that a login banner may add."""
    listed: list[str] = []
    controller = ""
    for line in shown.splitlines():
        if line.startswith("controller "):
            controller = line.removeprefix("controller ").strip()
        elif line.startswith("[{"):
            listed += _listed(line)
    return Answer(tuple(usable(listed)), controller)


def _listed(line: str) -> list[str]:
    try:
        return [str(one["local"]) for link in json.loads(line) for one in link.get("addr_info", []) if "local" in one]
    except (ValueError, AttributeError, TypeError):
        return []


def usable(listed: Iterable[str]) -> list[str]:
    """The addresses among these that another host can reach, each once."""
    found: dict[str, None] = {}
    for one in listed:
        try:
            address = ipaddress.ip_address(one)
        except ValueError:
            continue
        if not (address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast):
            found[str(address)] = None
    return list(found)


def _resolved(target: Target, words: Iterable[str]) -> dict[str, list[str]]:
    """Addresses as they are; DNS names as the target resolves them."""
    found: dict[str, list[str]] = {}
    for word in words:
        try:
            found[word] = [str(ipaddress.ip_address(word))]
        except ValueError:
            command = f"getent ahosts -- {shlex.quote(word)} | cut -d' ' -f1 | sort -u"
            found[word] = ssh.sh(target.ssh, command, check=False).split()
    return found
