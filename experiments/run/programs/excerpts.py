"""Print what this host's journal, and log files of PostgreSQL's, hold of some windows of time, as JSON lines.

Argument: {"windows": [[from, to] in µs since the epoch], "units": [name], "files": [glob], "without": [text], "lines":
most a window, "bytes": most a line}. A line that repeats an earlier one of its window but for digits is counted, not
printed again; one that goes on with a tab belongs to the line before.
"""

import glob
import json
import re
import subprocess
import sys
from datetime import UTC, datetime

STAMP = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?) ?(UTC|GMT|[+-]\d\d:?\d\d)?")
TAIL = 4 << 20


def journal(units, begin, end):
    """(µs, unit, text) of the journal."""
    command = ["journalctl", "--no-pager", "-q", "-o", "json", "--output-fields=MESSAGE,_SYSTEMD_UNIT,UNIT"]
    command += ["--since=@%.6f" % (begin / 1e6), "--until=@%.6f" % (end / 1e6)]
    for unit in units:
        command += ["-u", unit]
    shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=15).stdout
    for line in shown.decode(errors="replace").splitlines():
        row = json.loads(line)
        text = row.get("MESSAGE")
        if isinstance(text, list):
            text = bytes(n for n in text if isinstance(n, int)).decode(errors="replace")
        yield int(row["__REALTIME_TIMESTAMP"]), row.get("UNIT") or row.get("_SYSTEMD_UNIT") or "", str(text or "")


def file_lines(path):
    """(µs, name, text) of the end of a log file: lines that begin with a time, and those that go on with a tab."""
    last = None
    with open(path, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    for line in lines:
        found = STAMP.match(line)
        if found:
            at = datetime.fromisoformat(found[1].replace(",", "."))
            zone = found[2] or ""
            if zone in ("UTC", "GMT"):
                at = at.replace(tzinfo=UTC)
            elif zone:
                at = datetime.fromisoformat(at.isoformat() + (zone if ":" in zone else zone[:3] + ":" + zone[3:]))
            last = int(at.timestamp() * 1e6)
            yield last, path, line
        elif last is not None and line.startswith("\t"):
            yield last, path, line


def joined(rows):
    """Messages of several lines, which a journal has line by line, as one."""
    messages: list[list] = []
    for at, unit, text in rows:
        if text.startswith("\t") and messages and messages[-1][1] == unit:
            messages[-1][2] += " " + text.strip()
        elif text.strip():
            messages.append([at, unit, text])
    return messages


def thinned(rows, most):
    """Each text once, with how often; at most so many, the first and the last ones; and how many were left out."""
    kept: dict[tuple, list] = {}
    for at, unit, text in sorted(rows):
        key = (unit, re.sub(r"[0-9a-f]{8,}|\d+", "#", text))
        if key in kept:
            kept[key][3] += 1
        else:
            kept[key] = [at, unit, text, 1]
    found = list(kept.values())
    left = max(0, len(found) - most)
    if left:
        found = found[: most - most // 2] + found[len(found) - most // 2 :]
    return found, left


def main(asked):
    for number, (begin, end) in enumerate(asked["windows"]):
        rows = joined(journal(asked["units"], begin, end)) if asked["units"] else []
        for pattern in asked["files"]:
            for path in glob.glob(pattern):
                try:
                    rows += joined(row for row in file_lines(path) if begin <= row[0] <= end)
                except OSError:
                    continue
        rows = [row for row in rows if not any(word in row[2] for word in asked["without"])]
        found, left = thinned(rows, asked["lines"])
        for at, unit, text, times in found:
            cut = text.encode()[: asked["bytes"]].decode(errors="ignore")
            row = {"window": number, "at": at, "unit": unit, "text": cut, "times": times, "cut": cut != text}
            print(json.dumps(row))
        if left:
            print(json.dumps({"window": number, "left": left}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
