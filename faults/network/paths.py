"""What still passes between a host and the peers that it is cut off from.

The host probes every address of its peers, and the peers probe every address of the host; and the TCP connections that
existed are watched meanwhile, at the ends where no packet may arrive any more. Rules that name addresses cannot see a
path that they do not name: the other end does.
"""

import ipaddress
import json
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from firedrill.cluster import login, ssh
from firedrill.cluster.each import each
from firedrill.cluster.ssh import Connection
from firedrill.faults.connections import connected
from firedrill.faults.network import peers
from firedrill.faults.network.addresses import ANSWER_SECONDS, Book, book
from firedrill.faults.protocol import Target
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

PROBE_SECONDS = 0.4
MOST_PROBES = 256  # of one host


@dataclass(frozen=True)
class Seen:
    """What passes, in words; how many connections are silent (None: not counted); how the TCP probes ended.

    Of the peers in `one_end` nothing is known from their own end, nor which addresses they list.
    """

    through: list[str]
    silent: int | None
    tcp: str
    one_end: list[str]


@dataclass(frozen=True)
class Question:
    """What one host is asked: probes of pairs (address, port), and connections with `far`."""

    host: str
    connection: Connection
    probe: list[tuple[str, int]]
    far: Sequence[str]
    names: dict[str, str]  # of the addresses that are probed


def look(
    target: Target, found: Sequence[str], *, probed: Sequence[str], ports: Sequence[str], sides: Collection[str]
) -> Seen:
    """Between the target and all addresses `found`; `probed` and `ports` are the ports that are probed and cut."""
    known, covered = book(target), peers.covered(target, found)
    entire = {name for name, within in covered.items() if within == known.of_peer(name, target.host.name)}
    own = known.of(target.host.name)
    mine = Question(
        target.host.name, target.ssh, _pairs(_probed(known, target, found, covered), probed),
        found if "in" in sides else (), {one: name for name, within in covered.items() for one in within},
    )  # fmt: skip
    with connected(_up(target.access.inventory[name] for name in entire)) as connections:
        theirs = [
            Question(name, one, _pairs(own, probed), own if "out" in sides else (), dict.fromkeys(own, mine.host))
            for name, one in connections.items()
            if one is not None
        ]
        questions = [mine, *theirs]
        more = {"ports": list(map(int, ports)), "exempt": _exempt(target), "spared": _spared(known)}
        answers = each(lambda question: _ask(question, more) if question is mine else _try(question, more), questions)
    heard = {question.host: (question, answer) for question, answer in zip(questions, answers, strict=True) if answer}
    return _seen(list(heard.values()), sorted(entire - heard.keys()))


def _up(hosts: Iterable[Host]) -> list[Host]:
    """Those that answer: nobody waits long for a host that is off."""
    hosts = list(hosts)
    answers = each(lambda host: ssh.answers(host, ANSWER_SECONDS), hosts)
    return [host for host, answer in zip(hosts, answers, strict=True) if answer]


def _probed(known: Book, target: Target, found: Iterable[str], covered: dict[str, list[str]]) -> list[str]:
    """Every single address, the known ones in each network, and the first of a network that has none."""
    inside = [one for within in covered.values() for one in within]
    probed = [one for one in found if "/" not in one] + inside
    for network in map(ipaddress.ip_network, (one for one in found if "/" in one)):
        if not any(ipaddress.ip_address(one) in network for one in inside):
            probed.append(str(next(network.hosts())))
    return [one for one in dict.fromkeys(probed) if one not in (known.controller, *known.of(target.host.name))]


def _pairs(addresses: Iterable[str], ports: Sequence[str]) -> list[tuple[str, int]]:
    return [(address, int(port)) for address in addresses for port in ports or ("0",)][:MOST_PROBES]


def _exempt(target: Target) -> list[int]:
    return [login.port_of(target.host)]


def _spared(known: Book) -> list[str]:
    return [known.controller] if known.controller else []


def ask(connection: Connection, **given: Any) -> dict[str, Any]:
    """Run programs/links.py on a host, and return what it prints; nothing if the host does not answer."""
    program = files("firedrill.faults.programs").joinpath("links.py").read_text()
    known = {"far": [], "spared": [], "ports": [], "exempt": [], "probe": [], "seconds": PROBE_SECONDS}
    shown = ssh.sh(connection, f"python3 - {shlex.quote(json.dumps(known | given))}", stdin=program)
    found: dict[str, Any] = json.loads(shown.splitlines()[-1])
    return found


def _ask(question: Question, more: dict[str, Any]) -> dict[str, Any]:
    return ask(question.connection, probe=question.probe, far=list(question.far), **more)


def _try(question: Question, more: dict[str, Any]) -> dict[str, Any] | None:
    """A peer that cannot look (it is going down, or has no python3) is left out."""
    try:
        return _ask(question, more)
    except (Problem, ValueError, LookupError):
        return None


def _seen(heard: Sequence[tuple[Question, dict[str, Any]]], one_end: list[str]) -> Seen:
    """The target's own answer comes first."""
    through = []
    for question, answer in heard:
        for address, port, outcome, _ in answer["answers"]:
            if outcome in ("connected", "answered"):
                name = question.names.get(address)
                end = f"{name} ({address})" if name else address
                through.append(f"{end}{f', port {port},' if port else ''} answers {question.host}")
        through += [f"a connection of {question.host} goes on ({one})" for one in answer["alive"]]
    counts = [answer["connections"] for _, answer in heard]
    silent = None if None in counts else sum(counts) - sum(len(answer["alive"]) for _, answer in heard)
    return Seen(through, silent, _tcp(heard[0][1]["answers"]), one_end)


def _tcp(answers: Iterable[Sequence[Any]]) -> str:
    """How the probes of TCP ended, each outcome once with the longest time."""
    longest: dict[str, int] = {}
    for _, port, outcome, ms in answers:
        if port:
            longest[outcome] = max(longest.get(outcome, 0), ms)
    return ", ".join(f"{outcome} after {ms} ms" for outcome, ms in longest.items())
