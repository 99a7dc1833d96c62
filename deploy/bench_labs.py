"""The labs of `make bench`, and the commands that it measures on them, as a user runs them.

Each lab has a name and a network of its own, which no other lab of this machine uses.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from firedrill.deploy import wanted
from firedrill.inventories import releases
from firedrill.inventories.command import tell
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, defaults

NAME, BRIDGE, SUBNET = "deploys", "fddeploys", "10.75.0"
SECONDS = 1200
DEPLOY = "firedrill.deploy.cluster.deploy"
SHAPES: dict[str, dict[str, tuple[int, tuple[str, ...]]]] = {
    "3 bare hosts": {"node": (3, ("etcd", "postgres", "proxy", "app"))},
    "10 hosts": {"etcd": (3, ("etcd",)), "db": (3, ("postgres",)), "lb": (2, ("proxy",)), "app": (2, ("app",))},
    "33 hosts": {"etcd": (5, ("etcd",)), "db": (12, ("postgres",)), "lb": (4, ("proxy",)), "app": (12, ("app",))},
}
# No package starts its service, as in a deploy.
APT = """
set -e
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
mkdir -p /etc/postgresql-common
echo create_main_cluster=false >/etc/postgresql-common/createcluster.conf
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -y -q --no-install-recommends install {packages}
"""
INVENTORY = """\
hosts = {hosts!r}
for _role in ("etcd", "postgres", "proxy", "app"):
    globals()[_role] = [(_name, _data) for _name, _data, _roles in hosts if _role in _roles]
all = ([(_name, _data) for _name, _data, _ in hosts], {shared!r})
del hosts
"""


class Took(NamedTuple):
    """What a command took: seconds, and seconds of processors on this machine, the hosts' included."""

    seconds: float
    cpu_s: float


@dataclass
class Lab:
    """Some hosts of the bench. `state` is a folder for passwords, certificates and reports."""

    shape: str
    tls: bool
    state: Path
    bare: bool = False
    file: Path = field(init=False)

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self.file = self.state / "bench.py"
        self.file.write_text(inventory(self.shape, tls=self.tls))

    @property
    def name(self) -> str:
        return f"{self.shape}, {'TLS' if self.tls else 'plain text'}"

    @contextmanager
    def up(self) -> Iterator[None]:
        """The hosts, new; removed at the end, also after Ctrl-C."""
        self.run("lab", "down", "--force")
        try:
            self.run("lab", "up", *(["--bare"] if self.bare else []))
            yield
        finally:
            self.run("lab", "down", "--force")

    def deploy(self, what: str) -> Took:
        """One deploy."""
        return self._timed(what, lambda: self._output(_tool("pyinfra"), "-y", str(self.file), DEPLOY))

    def apt(self) -> Took:
        """apt-get install of the packages that the deploy installs, on all hosts simultaneously."""
        text = APT.format(packages=" ".join(packages()))
        return self._timed("apt-get install", lambda: self._on_all(text))

    def rto_ms(self, seed: int) -> float:
        """The write outage of one drill: the leader loses power."""
        words = ("run", "leader_power_cut", "--json", "--seed", str(seed), "--reports", str(self.state / "reports"))
        verdict = json.loads(self._output(_tool("experiments"), "-i", str(self.file), *words, failed_codes=(2,)))
        if verdict["rto_ms"] is None:
            raise Problem(f"{self.name}: the write outage was not observed", f"see {verdict['report']}")
        tell(f"{self.name}: write outage {verdict['rto_ms'] / 1000:.2f} s")
        return float(verdict["rto_ms"])

    def run(self, tool: str, *words: str) -> str:
        """One of our commands on this inventory."""
        return self._output(_tool(tool), "-i", str(self.file), *words)

    def _timed(self, what: str, act: Callable[[], object]) -> Took:
        began, cpu = time.monotonic(), self._cpu_s()
        act()
        took = Took(time.monotonic() - began, self._cpu_s() - cpu)
        tell(f"{self.name}: {what} {took.seconds:.1f} s, {took.cpu_s:.1f} s of processors")
        return took

    def _cpu_s(self) -> float:
        """Used so far: by the hosts, and by our own ended commands."""
        hosts = sum(row["cpu_s"] or 0 for row in json.loads(self.run("lab", "status", "--json")))
        ours = resource.getrusage(resource.RUSAGE_CHILDREN)
        return float(hosts + ours.ru_utime + ours.ru_stime)

    def _on_all(self, text: str) -> None:
        with open(self.state / "apt.log", "w") as log:
            shells = [
                subprocess.Popen(
                    [_tool("lab"), "-i", str(self.file), "shell", row["name"], text], stdout=log, stderr=log
                )
                for row in json.loads(self.run("lab", "status", "--json"))
            ]
            codes = [shell.wait(SECONDS) for shell in shells]
        if any(codes):
            last = (Path(log.name).read_text().strip() or "no message").splitlines()[-1]
            raise Problem(f"{self.name}: apt-get install failed ({last})", "can this machine reach Debian's archive?")

    def _output(self, *command: str, failed_codes: tuple[int, ...] | None = None) -> str:
        environment = os.environ | {"XDG_STATE_HOME": str(self.state)}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, cwd=self.state, env=environment, check=False
        )
        failed = done.returncode in failed_codes if failed_codes else done.returncode
        if failed:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise Problem(f"{self.name}: {Path(command[0]).name} failed ({last})", "run `lab doctor`")
        return done.stdout


def inventory(shape: str, *, tls: bool) -> str:
    """The text of an inventory file."""
    hosts, number = [], 10
    for kind, (count, roles) in SHAPES[shape].items():
        for n in range(1, count + 1):
            number += 1
            data = {"ssh_hostname": f"{SUBNET}.{number}", "ssh_user": "root", "tls": tls}
            hosts.append((f"{kind}{n}", data, roles))
    shared = {
        "lab": {"name": NAME, "provider": "nspawn", "bridge": BRIDGE, "address": f"{SUBNET}.1/24"},
        "vip": f"{SUBNET}.100",
        # Enough for the pools of twelve app hosts.
        "postgres_parameters": {"max_connections": 400},
        "chaos_allowed": True,
        "ssh_key": f"/var/lib/firedrill/{NAME}/ssh_key",
        "ssh_known_hosts_file": f"/var/lib/firedrill/{NAME}/known_hosts",
        "power": {
            "power_on": "lab -i {inventory} start {name}",
            "power_off": "lab -i {inventory} cut {name}",
            "pause": "lab -i {inventory} pause {name}",
            "resume": "lab -i {inventory} resume {name}",
        },
    }
    return INVENTORY.format(hosts=hosts, shared=shared)


def packages() -> list[str]:
    """The packages of all roles, as a deploy installs them."""
    data = defaults()
    version = releases.postgres_version(data, releases.named(None))
    return wanted.packages(Host("any", SUBNET, ("etcd", "postgres", "proxy", "app"), data), version)


def _tool(name: str) -> str:
    """The path of a command, next to this Python."""
    return str(Path(sys.executable).parent / name)
