"""Lines of the hosts' own logs around the turning points of a run, collected after it as events of the source `logs`.

The promise: they are not judged, they are bounded, they contain no password known to us, and a host that does not
answer is recorded instead of being awaited. Times are the controller's: each host's clock is compared with ours first.
"""

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from firedrill.cluster import host_clock, ssh
from firedrill.cluster.each import each
from firedrill.cluster.ssh import Connection
from firedrill.cluster.systems import system_of
from firedrill.experiments.judge.facts import TurningPoint
from firedrill.experiments.judge.recording import record
from firedrill.experiments.judge.spans import SECOND, Span
from firedrill.experiments.judge.turning import turning_points_of
from firedrill.experiments.observe.writer import Writer, so_far
from firedrill.experiments.run.redaction import redacted
from firedrill.inventories.access import DATABASE, PROBE_USER, Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

BEFORE, AFTER = SECOND // 2, 3 * SECOND // 2  # of each turning point, ns
MOST_WINDOWS = 12
LINES, BYTES = 30, 500  # at most so many lines of a host in a window, bytes in a line
HOST_BYTES = 64 * 1024
SECONDS = 20
# What our own probes make a server log repeatedly: a standby refuses each write of theirs, with two lines.
REFUSED = f"{PROBE_USER}@{DATABASE} ERROR:  cannot execute INSERT in a read-only transaction"
NOISE = ("firedrill.node_probe", "firedrill.probe", "FROM firedrill.", REFUSED)
PROGRAM = Path(__file__).parent / "programs" / "excerpts.py"


def windows(found: Sequence[TurningPoint]) -> list[Span]:
    """The times to read, around each turning point; windows that touch are merged."""
    spans: list[Span] = []
    for turn in found:
        span = Span(turn.t - BEFORE, turn.t + AFTER)
        if spans and span.begin <= spans[-1].end:
            spans[-1] = Span(spans[-1].begin, span.end)
        else:
            spans.append(span)
    return spans[:MOST_WINDOWS]


def collect(access: Access, parts: Path) -> None:
    """Read the hosts' logs about the run whose observers' files are in `parts`; write logs.jsonl there."""
    with Writer(parts / "logs.jsonl", "logs") as write:
        try:
            found = turning_points_of(record(_events(parts)))
        except ValueError as error:
            write("note", text=f"no turning points to read logs for ({error})")
            return
        if found:
            for rows in each(lambda host: of_host(host, access, found), access.inventory.hosts):
                for row in rows:
                    write(**row)


def _events(parts: Path) -> Iterable[dict[str, Any]]:
    for part in sorted(parts.glob("*.jsonl")):
        if part.name not in ("logs.jsonl", "tables.jsonl"):
            yield from so_far(part)


def of_host(host: Host, access: Access, found: Sequence[TurningPoint]) -> list[dict[str, Any]]:
    """The events of one host: its clock, then its lines; or that it did not answer."""
    rows: list[dict[str, Any]] = []
    try:
        with ssh.connect(host) as connection:
            offset, error = host_clock.offset(connection)
            rows.append({"kind": "clock", "offset_ms": round(offset / 1e6, 3), "error_ms": round(error / 1e6, 3)})
            rows += _read(host, access, found, offset, connection)
    except (Problem, ValueError, LookupError, TypeError, AttributeError) as problem:  # the last four: an odd answer
        rows.append({"kind": "silent", "error": redacted(str(problem), access)})
    return [row | {"host": host.name} for row in rows]


def _read(
    host: Host, access: Access, found: Sequence[TurningPoint], offset: int, connection: Connection
) -> Iterator[dict[str, Any]]:
    spans, room = windows(found), HOST_BYTES
    command = f"python3 - {shlex.quote(json.dumps(_asked(host, spans, offset)))}"
    shown = ssh.sh(connection, command, stdin=PROGRAM.read_text(), seconds=SECONDS)
    for row in map(json.loads, shown.splitlines()):
        if "left" in row:
            yield {"kind": "left_out", "t": spans[row["window"]].end, "lines": row["left"]}
        elif (room := room - len(row["text"].encode())) < 0:
            yield {"kind": "left_out", "t": row["at"] * 1000 - offset, "lines": 1}
        else:
            yield _line(access, found, row, row["at"] * 1000 - offset)


def _asked(host: Host, spans: Sequence[Span], offset: int) -> dict[str, Any]:
    """The argument of programs/excerpts.py, in the host's own time."""
    system = system_of(host)
    names = {name for role in host.roles for name in system.services.get(role, ())}
    return {
        "windows": [[(span.begin + offset) // 1000, (span.end + offset) // 1000] for span in spans],
        "units": sorted({system.unit(name, host) for name in names}),
        "files": system.log_files(host),
        "without": NOISE,
        "lines": LINES,
        "bytes": BYTES,
    }


def _line(access: Access, found: Sequence[TurningPoint], row: dict[str, Any], t: int) -> dict[str, Any]:
    near = min(found, key=lambda turn: abs(turn.t - t))
    text = redacted(row["text"], access) + (" …" if row["cut"] else "")
    unit = row["unit"].removesuffix(".service")
    return {"kind": "line", "t": t, "unit": unit, "text": text, "times": row["times"]} | {
        "turn": near.text,
        "turn_t": near.t,
    }
