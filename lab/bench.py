"""Containers and user-mode kernels side by side on this machine: boot, memory, pgbench. `make bench`.

One host of each kind, in a lab of its own that is removed at the end, also by Ctrl-C. Figures are this machine's of
this minute; the ratios are what to take away.
"""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from firedrill import package
from firedrill.inventories.command import console_script
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import DEFAULT, Host, Inventory, read
from firedrill.lab import core, doctor
from firedrill.lab.guest import Guest, Tell

NAME, BRIDGE, SUBNET = "bench", "firedrillbench", "10.76.0"
SECONDS = 600
# A throw-away cluster in memory-sized settings, reached by its socket alone.
PGBENCH = """
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin)
folder=/var/lib/postgresql/bench
cd /tmp
rm -rf $folder
began=$(date +%s.%N)
su postgres -c "$bin/initdb -D $folder -A trust >/dev/null"
echo "initdb $(echo "$(date +%s.%N) $began" | awk '{print $1 - $2}')"
su postgres -c "$bin/pg_ctl -D $folder -w -o \\"-c listen_addresses='' -k /tmp\\" start >/dev/null"
began=$(date +%s.%N)
su postgres -c "$bin/pgbench -h /tmp -q -i -s 5 postgres" >/dev/null 2>&1
echo "load $(echo "$(date +%s.%N) $began" | awk '{print $1 - $2}')"
su postgres -c "$bin/pgbench -h /tmp -c 4 -T 5 postgres" 2>/dev/null | sed -n 's/^tps = \\([0-9.]*\\).*/tps \\1/p'
"""
STOP = 'su postgres -c "$(ls -d /usr/lib/postgresql/*/bin)/pg_ctl -D /var/lib/postgresql/bench -m immediate stop"'
# What is measured, in which unit, and whether more is better.
FIGURES = {
    "boot to SSH": ("s", False),
    "second boot": ("s", False),
    "memory, idle": ("MiB", False),
    "memory, PostgreSQL": ("MiB", False),
    "initdb": ("s", False),
    "pgbench load": ("s", False),
    "pgbench": ("tps", True),
}


def inventory(provider: str) -> Inventory:
    """One host of this kind, sized as the local lab's."""
    shared = read(package.file(DEFAULT)).data
    lab = {"name": NAME, "provider": provider, "bridge": BRIDGE, "address": f"{SUBNET}.1/24"}
    host = Host(provider, f"{SUBNET}.11", ("postgres",), shared | {"lab": lab})
    return Inventory(Path(__file__), (host,))


def measure(provider: str, tell: Tell) -> dict[str, float]:
    """All figures of one kind of host. Raises Problem when it cannot be made."""
    lab = core.Lab(inventory(provider))
    try:
        lab.up(bare=False, tell=tell)  # builds what is missing
        lab.down(_quiet)
        figures = {"boot to SSH": _timed(lambda: lab.up(bare=False, tell=_quiet))}
        time.sleep(3)
        figures["memory, idle"] = memory_mib(lab[provider])
        figures |= _pgbench(lab, provider)
        figures["memory, PostgreSQL"] = memory_mib(lab[provider])
        _ssh(lab, provider, STOP)
        lab.stop(provider)
        figures["second boot"] = _timed(lambda: lab.start(provider, _quiet))
        return figures
    finally:
        lab.down(_quiet)


def _quiet(text: str) -> None:
    """Say nothing: what is timed is not talked over."""


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def memory_mib(guest: Guest) -> float:
    """What the host's processes hold of this machine's memory, shared pages counted by their share.

    A kernel of its own keeps its page cache in there; a container's is this machine's, and not counted.
    """
    return sum(_share_kib(pid) for pid in guest.processes) / 1024


def _share_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])


def _pgbench(lab: core.Lab, host: str) -> dict[str, float]:
    said = dict(line.split() for line in _ssh(lab, host, PGBENCH).splitlines())
    return {"initdb": float(said["initdb"]), "pgbench load": float(said["load"]), "pgbench": float(said["tps"])}


def _ssh(lab: core.Lab, host: str, text: str) -> str:
    command = [
        "ssh", "-i", str(lab.folder / "ssh_key"), "-o", f"UserKnownHostsFile={lab.folder / 'known_hosts'}",
        "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", f"root@{lab[host].address}", text,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS / 4, check=False)
    except subprocess.TimeoutExpired:
        raise Problem(f"{host}: pgbench did not end within {SECONDS / 4:g} s", "try again when it is quiet") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Problem(f"{host}: the measurement failed ({last})", "run `lab doctor`")
    return done.stdout


def rows(measured: dict[str, dict[str, float]]) -> list[dict]:
    """One row a figure: each kind's value, and how many times as much uml takes as nspawn (or, of tps, makes)."""
    table = []
    for name, (unit, more_is_better) in FIGURES.items():
        values = {provider: round(figures[name], 2) for provider, figures in measured.items()}
        row = {"figure": name, "unit": unit, "more_is_better": more_is_better, **values}
        if {"nspawn", "uml"} <= values.keys() and values["nspawn"]:
            row["ratio"] = round(values["uml"] / values["nspawn"], 2)
        table.append(row)
    return table


@click.command()
@click.option("--json", "as_json", is_flag=True)
def cli(as_json: bool) -> None:
    """Compare the kinds of local hosts that this machine can run: boot, memory and pgbench, side by side."""
    core.need_root()
    machine = doctor.look(ask_apt=True)
    measured = {}
    for row in doctor.report(machine):
        if row["ok"]:
            measured[row["provider"]] = measure(row["provider"], lambda text: click.echo(text, err=True))
        else:
            lack = next(check for check in row["checks"] if not check["ok"])
            click.echo(f"{row['provider']}: left out, {lack['name']}: {lack['found']}: {lack['remedy']}", err=True)
    found = rows(measured)
    if as_json:
        click.echo(core.as_json(found))
        return
    table = Table("", *measured, "uml / nspawn")
    for row in found:
        values = [f"{row[provider]:g} {row['unit']}" for provider in measured]
        table.add_row(row["figure"], *values, f"{row['ratio']:g}" if "ratio" in row else "")
    Console().print(table)


main = console_script(cli, "bench")
if __name__ == "__main__":
    main()
