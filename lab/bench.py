"""Compare containers and user-mode kernels on this machine: boot, memory, pgbench. `make bench`.

One host of each kind, in a separate lab that is removed at the end, also after Ctrl-C. The figures depend on this
machine and its load; the ratios are the result.
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
# A temporary PostgreSQL that listens on its socket only.
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
    """One host of this kind, of the same size as in the local lab."""
    shared = read(package.file(DEFAULT)).data
    lab = {"name": NAME, "provider": provider, "bridge": BRIDGE, "address": f"{SUBNET}.1/24"}
    host = Host(provider, f"{SUBNET}.11", ("postgres",), shared | {"lab": lab})
    return Inventory(Path(__file__), (host,))


def measure(provider: str, tell: Tell) -> dict[str, float]:
    """All figures of one kind of host. Raises Problem if it cannot be created."""
    lab = core.Lab(inventory(provider))
    try:
        lab.up(bare=False, tell=tell)  # builds the image if it is missing
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
    """Print nothing while a figure is measured."""


def _timed(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def memory_mib(guest: Guest) -> float:
    """The proportional set size (PSS) of the host's processes.

    For a user-mode kernel it includes the guest's page cache; a container's page cache is this machine's and excluded.
    """
    return sum(_share_kib(pid) for pid in guest.processes) / 1024


def _share_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(kib) for kib in re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE))


def _pgbench(lab: core.Lab, host: str) -> dict[str, float]:
    found = dict(line.split() for line in _ssh(lab, host, PGBENCH).splitlines())
    return {"initdb": float(found["initdb"]), "pgbench load": float(found["load"]), "pgbench": float(found["tps"])}


def _ssh(lab: core.Lab, host: str, text: str) -> str:
    command = [*lab.ssh(host, "-o", "BatchMode=yes"), text]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS / 4, check=False)
    except subprocess.TimeoutExpired:
        raise Problem(
            f"{host}: pgbench did not end within {SECONDS / 4:g} s", "try again when this machine is less loaded"
        ) from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Problem(f"{host}: the measurement failed ({last})", "run `lab doctor`")
    return done.stdout


def rows(measured: dict[str, dict[str, float]]) -> list[dict]:
    """One row per figure: the value of each kind, and the ratio of uml to nspawn."""
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
    """Compare the kinds of local hosts that this machine can run: boot, memory and pgbench."""
    core.need_root()
    machine = doctor.look(ask_apt=True)
    measured = {}
    for row in doctor.report(machine):
        if row["ok"]:
            measured[row["provider"]] = measure(row["provider"], lambda text: click.echo(text, err=True))
        else:
            failed = next(check for check in row["checks"] if not check["ok"])
            click.echo(
                f"{row['provider']}: skipped ({failed['name']}: {failed['found']}): {failed['remedy']}", err=True
            )
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
