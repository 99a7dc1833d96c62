"""How long deploys take, as ratios to a reference on the same hosts in the same session. `make bench`.

The figures depend on this machine and its load; the ratios are the result. Exits 1 if one of them exceeds its bound.
"""

import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from firedrill.deploy.bench_labs import Lab, Took
from firedrill.inventories.command import console_script, tell

AGAIN = 3


class Figure(NamedTuple):
    """One ratio: what was measured, its reference, and the highest acceptable ratio."""

    name: str
    seconds: float
    reference: str
    reference_s: float
    bound: float
    cpu_ratio: float | None = None

    @property
    def ratio(self) -> float:
        return self.seconds / self.reference_s

    @property
    def row(self) -> dict[str, object]:
        ratio = round(self.ratio, 2)
        cpu = None if self.cpu_ratio is None else round(self.cpu_ratio, 2)
        rounded = {"seconds": round(self.seconds, 1), "reference_s": round(self.reference_s, 1)}
        return self._asdict() | rounded | {"ratio": ratio, "cpu_ratio": cpu, "held": ratio <= self.bound}


def compared(name: str, took: Took, reference: str, other: Took, bound: float) -> Figure:
    return Figure(name, took.seconds, reference, other.seconds, bound, took.cpu_s / other.cpu_s)


class Session:
    """The labs of one session; what two parts compare is measured once."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._deploys: dict[tuple[str, bool], tuple[Took, Took]] = {}

    def lab(self, shape: str, *, tls: bool = True, bare: bool = False) -> Lab:
        return Lab(shape, tls, self._state / f"{shape.split()[0]}-{'tls' if tls else 'plain'}", bare)

    def deploys(self, shape: str, *, tls: bool = True) -> tuple[Took, Took]:
        """The first deploy and one without a change, the median of three."""
        key = shape, tls
        if key not in self._deploys:
            lab = self.lab(shape, tls=tls)
            with lab.up():
                first = lab.deploy("first deploy")
                again = [lab.deploy("deploy without a change") for _ in range(AGAIN)]
            middle = Took(*(statistics.median(values) for values in zip(*again, strict=True)))
            self._deploys[key] = first, middle
        return self._deploys[key]


def encrypted(session: Session) -> Iterator[Figure]:
    """What TLS costs."""
    plain, tls = session.deploys("10 hosts", tls=False), session.deploys("10 hosts")
    for name, took, other in zip(("first deploy", "deploy without a change"), tls, plain, strict=True):
        yield compared(f"10 hosts, TLS: {name}", took, "plain text", other, 1.3)


def bare(session: Session) -> Iterator[Figure]:
    """Hosts without packages, compared with apt-get alone."""
    lab = session.lab("3 bare hosts", bare=True)
    with lab.up():
        apt = lab.apt()
    with lab.up():
        yield compared("3 bare hosts: first deploy", lab.deploy("first deploy"), "apt-get install", apt, 1.5)


def wide(session: Session) -> Iterator[Figure]:
    """More hosts."""
    many, few = session.deploys("33 hosts"), session.deploys("10 hosts")
    for name, took, other in zip(("first deploy", "deploy without a change"), many, few, strict=True):
        yield compared(f"33 hosts: {name}", took, "10 hosts", other, 3)


def outage(session: Session) -> Iterator[Figure]:
    """The write outage when the leader loses power."""
    medians = {}
    for tls in (False, True):
        lab = session.lab("10 hosts", tls=tls)
        with lab.up():
            lab.deploy("first deploy")
            medians[tls] = statistics.median(lab.rto_ms(seed) for seed in range(AGAIN)) / 1000
    yield Figure("10 hosts, TLS: write outage", medians[True], "plain text", medians[False], 1.05)


PARTS: dict[str, Callable[[Session], Iterator[Figure]]] = {
    "tls": encrypted,
    "bare": bare,
    "wide": wide,
    "outage": outage,
}


@click.command()
@click.option("--part", "parts", type=click.Choice(list(PARTS)), multiple=True, help="Only this. Default: all.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def cli(context: click.Context, parts: tuple[str, ...], as_json: bool) -> None:
    """Measure deploys: with TLS, of bare hosts, of many hosts; and the write outage with TLS."""
    # The hosts are removed then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="firedrill-bench-") as folder:
        session = Session(Path(folder))
        figures = []
        for part in parts or PARTS:
            for figure in PARTS[part](session):
                tell(f"{figure.name}: {figure.ratio:.2f} times {figure.reference}, at most {figure.bound:g}")
                figures.append(figure)
    rows = [figure.row for figure in figures]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        Console().print(_table(rows))
    context.exit(0 if all(row["held"] for row in rows) else 1)


def _table(rows: list[dict[str, object]]) -> Table:
    table = Table("", "s", "reference", "s", "ratio", "at most", "ratio of processor time")
    for row in rows:
        cpu = "" if row["cpu_ratio"] is None else f"{row['cpu_ratio']:g}"
        ratio = f"{row['ratio']:g}" + ("" if row["held"] else " (over)")
        values = (
            f"{row['seconds']:g}",
            str(row["reference"]),
            f"{row['reference_s']:g}",
            ratio,
            f"{row['bound']:g}",
            cpu,
        )
        table.add_row(str(row["name"]), *values)
    return table


main = console_script(cli, "bench")
if __name__ == "__main__":
    main()
