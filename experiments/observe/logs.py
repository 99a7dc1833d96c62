"""What the hosts' own logs say around the turning points of a run: collected after it, as events of the source `logs`.

The promise: nothing of it is judged, it is bounded, no password that we know gets into it, and a host that does not
answer is noted rather than waited for. Times are the controller's: each host's clock is compared with ours first.
"""

import json
import re
import shlex
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fabric import Connection

from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.experiments.judge.facts import TurningPoint
from firedrill.experiments.judge.recording import record
from firedrill.experiments.judge.spans import SECOND, Span
from firedrill.experiments.judge.turning import turning_points_of
from firedrill.experiments.observe.writer import Writer, so_far
from firedrill.faults import processes
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

BEFORE, AFTER = SECOND // 2, 3 * SECOND // 2  # of each turning point, ns
MOST_WINDOWS = 12
LINES, BYTES = 30, 500  # most lines of a host in a window, most bytes a line
HOST_BYTES = 64 * 1024
ROUNDS = 7  # questions by which a host's clock is compared with ours
SECONDS = 20
PROCESSES = {
    "postgres": ("patroni",),
    "etcd": ("etcd",),
    "proxy": ("haproxy", "keepalived"),
    "app": ("app",),
}
CLOCK = "import sys, time\nfor _ in sys.stdin: print(time.time_ns())"
# What our own probes make a server say again and again.
NOISE = ("firedrill.node_probe", "firedrill.probe", "FROM firedrill.")
HIDDEN = "•••"
QUOTED = r"('[^']*'|\"[^\"]*\")"
SECRET = re.compile(
    rf"(?i)(passw(?:or)?d['\"]?\s*[=:]\s*|authorization['\"]?:\s*['\"]?\w+\s+|scram-sha-256\$)({QUOTED}|\S+)|(password\s+){QUOTED}"
)
CREDENTIALS = re.compile(r"(://[^/\s:@]+:)[^@\s]+@")
PROGRAM = Path(__file__).parent / "programs" / "excerpts.py"


def windows(found: Sequence[TurningPoint]) -> list[Span]:
    """The times to read, around each turning point; those that meet are one."""
    spans: list[Span] = []
    for turn in found:
        span = Span(turn.t - BEFORE, turn.t + AFTER)
        if spans and span.begin <= spans[-1].end:
            spans[-1] = Span(spans[-1].begin, span.end)
        else:
            spans.append(span)
    return spans[:MOST_WINDOWS]


def collect(access: Access, parts: Path) -> None:
    """Write what the hosts' logs say about the run whose observers' files lie in `parts` to logs.jsonl there."""
    with Writer(parts / "logs.jsonl", "logs") as write:
        try:
            found = turning_points_of(record(_events(parts)))
        except ValueError as error:
            write("note", text=f"no turning points to read logs of ({error})")
            return
        if found:
            for rows in each(lambda host: of_host(host, access, found), access.inventory.hosts):
                for row in rows:
                    write(**row)


def _events(parts: Path) -> Iterable[dict]:
    for part in sorted(parts.glob("*.jsonl")):
        if part.name not in ("logs.jsonl", "ledger.jsonl", "tables.jsonl"):
            yield from so_far(part)


def of_host(host: Host, access: Access, found: Sequence[TurningPoint]) -> list[dict[str, Any]]:
    """The events that one host comes to: its clock, then its lines; or that it was silent."""
    rows: list[dict[str, Any]] = []
    try:
        with ssh.connect(host) as connection:
            offset, error = offset_of(connection)
            rows.append({"kind": "clock", "offset_ms": round(offset / 1e6, 3), "error_ms": round(error / 1e6, 3)})
            rows += _read(host, access, found, offset, connection)
    except (Problem, ValueError) as problem:
        rows.append({"kind": "silent", "error": redacted(str(problem), access)})
    return [row | {"host": host.name} for row in rows]


def offset_of(connection: Connection) -> tuple[int, int]:
    """By how much a host's clock is before ours, and how far that may be off (ns): the quickest of a few answers."""
    asked = ssh.Running(connection, f"python3 -uc {shlex.quote(CLOCK)}")
    found = []
    for last in (False,) * ROUNDS + (True,):
        began = time.time_ns()
        asked.say("\n", last=last)
        shown = int(asked.line())
        ended = time.time_ns()
        found.append(((ended - began) // 2, shown - (began + ended) // 2))
    asked.end()
    error, offset = min(found)
    return offset, error


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
    """What programs/excerpts.py is asked for, in the host's own time."""
    names = [name for role in host.roles for name in PROCESSES.get(role, ())]
    return {
        "windows": [[(span.begin + offset) // 1000, (span.end + offset) // 1000] for span in spans],
        "units": sorted({processes.unit(name, host) for name in names}),
        "files": list(host.data["postgres_logs"]) if "postgres" in host.roles else [],
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


def redacted(text: str, access: Access) -> str:
    """The text without any password of this cluster's, and without what looks like one."""
    for secret in sorted(access.secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return CREDENTIALS.sub(rf"\1{HIDDEN}@", SECRET.sub(lambda m: f"{m[1] or m[4]}{HIDDEN}", text))
