#!/usr/bin/python3
"""firedrill-group: keeps this host's MySQL server in its group. Installed by Firedrill's deploy.

    firedrill-group keep                 join the group whenever this server is out of it; a service runs it
    firedrill-group look                 what this server and the others report, as JSON
    firedrill-group bootstrap-if-fresh   form the group, if none of its servers was ever in one
    firedrill-group bootstrap            form it anew after a total outage: on the server that has the most transactions

MySQL itself tries to join once, for a minute. A group without any member is formed by nobody but an operator: two
servers that both formed one would be two groups.
"""

import argparse
import datetime
import json
import re
import subprocess
import sys
import time
from pathlib import Path

SETTINGS = Path("/etc/firedrill/mysql/group.json")
RECOVERY = Path("/etc/firedrill/mysql/recovery.cnf")
POLL_S = 1.0
ANSWER_S = 5
JOIN_S = 900  # a clone copies all data
PEERS_S = 60
# A member that left with an error joins again by itself, for a while.
ERROR_S = 45
ONLINE, OFFLINE, ERROR = "ONLINE", "OFFLINE", "ERROR"
LOG = Path("/var/log/mysql/error.log")
LOG_BYTES = 1 << 18
RECENT_S = 180
# What MySQL logs when a server cannot become a member: what it means, and what to do.
CAUSES = (
    (
        "more executed transactions than those present in the group",
        "its data has transactions that the group lacks: it is another group's, or was written to while alone: "
        "move its data folder away and deploy again, and it joins with a copy of the group's data",
    ),
    (
        r"Access denied for user 'replicator'",
        "a member refuses the password for recovery: deploy again, to all hosts (/etc/firedrill/mysql/recovery.cnf)",
    ),
    (
        r"certificate verify failed|unable to get (local )?issuer|SSL connection error",
        "its certificate and the CA of another member do not match: deploy again, to all hosts",
    ),
    (
        "source purged required binary logs|purged binary logs",
        "no member has the binary logs any more that it lacks: it has to clone all data "
        "(`group_replication_clone_threshold = 1`, then START GROUP_REPLICATION)",
    ),
)
LOOK = """
SELECT COALESCE((SELECT member_state FROM performance_schema.replication_group_members
                 WHERE member_id = @@server_uuid), 'OFFLINE'),
       COALESCE((SELECT member_role FROM performance_schema.replication_group_members
                 WHERE member_id = @@server_uuid), ''),
       (SELECT COALESCE(SUM(member_state = 'UNREACHABLE') * 2 < COUNT(*), 0)
        FROM performance_schema.replication_group_members),
       REPLACE(@@gtid_executed, '\\n', '')
"""
BOOTSTRAP = """
SET GLOBAL group_replication_bootstrap_group = ON;
START GROUP_REPLICATION;
SET GLOBAL group_replication_bootstrap_group = OFF;
"""


class Failed(Exception):
    """A server does not answer, or refuses; the text is why."""


def ask(statements, address=None, port=None, seconds=ANSWER_S):
    """The rows that a server returns: this host's by its socket, another by its address."""
    where = ["--protocol=socket"] if address is None else [f"--host={address}", f"--port={port}"]
    files = "/dev/null" if address is None else str(RECOVERY)
    command = ["mysql", f"--defaults-file={files}", "--batch", "--skip-column-names", *where]
    try:
        done = subprocess.run(command, input=statements, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer within {seconds} s") from None
    if done.returncode:
        raise Failed((done.stderr.strip() or "no message").splitlines()[-1])
    return [line.split("\t") for line in done.stdout.splitlines()]


def look(address=None, port=None):
    """State, role, whether it sees a majority, and the transactions of a server."""
    (row,) = ask(LOOK, address, port)
    return {"state": row[0], "role": row[1], "majority": row[2] == "1", "gtid_executed": row[3]}


def settings():
    return json.loads(SETTINGS.read_text())


def why(now=None):
    """What the server's log says of the last minutes about why it is no member; None if it says nothing known."""
    try:
        with LOG.open("rb") as file:
            file.seek(max(0, LOG.stat().st_size - LOG_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    since = (now or datetime.datetime.now(datetime.UTC)) - datetime.timedelta(seconds=RECENT_S)
    for line in reversed(lines):
        if line[:19] < since.strftime("%Y-%m-%dT%H:%M:%S"):
            return None
        for pattern, meaning in CAUSES:
            if re.search(pattern, line):
                return meaning
    return None


def everyone():
    """What each server of the group reports, this one as `me`; an error where it does not answer.

    Of this one, if it is no member, also `why`.
    """
    known = settings()
    mine = _try()
    found = {"me": mine | ({} if mine.get("state") == ONLINE else {"why": why()})}
    return found | {name: _try(address, known["port"]) for name, address in known["peers"].items()}


def _try(address=None, port=None):
    try:
        return look(address, port)
    except Failed as error:
        return {"error": str(error)}


def exists():
    """Whether any other server is in a group that has a majority."""
    known = settings()
    return any(
        row.get("state") == ONLINE and row.get("majority")
        for row in (_try(address, known["port"]) for address in known["peers"].values())
    )


def join():
    """Start the replication, with the current password."""
    # The password is the one in the file, which a deploy may have changed. Backslashes are escaped there as in SQL.
    line = next(line for line in RECOVERY.read_text().splitlines() if line.startswith("password = "))
    quoted = line.removeprefix("password = ")[1:-1].replace("'", "''")
    ask(
        "SET sql_log_bin = 0;\n"
        f"CHANGE REPLICATION SOURCE TO SOURCE_USER = 'replicator', SOURCE_PASSWORD = '{quoted}'"
        " FOR CHANNEL 'group_replication_recovery';\nSTART GROUP_REPLICATION;\n",
        seconds=JOIN_S,
    )


def keep():
    """Join whenever this server is out of a group that exists. Never ends."""
    healthy_at = time.monotonic()
    while True:
        try:
            state = look()["state"]
            healthy_at = healthy_at if state == ERROR else time.monotonic()
            if time.monotonic() - healthy_at > ERROR_S and exists():
                ask("STOP GROUP_REPLICATION", seconds=JOIN_S)
                state = OFFLINE
            if state == OFFLINE and exists():
                print("joining the group", flush=True)
                join()
                print("joined the group", flush=True)
        except Failed as error:
            print(f"not in the group yet: {why() or error}", flush=True)
        time.sleep(POLL_S)


def bootstrap():
    """Form the group with this server as its only member; the others join by themselves. Raises Failed."""
    if exists():
        raise Failed("another server is in a group that works: this one joins it by itself")
    mine = look()
    if mine["state"] == ONLINE:
        raise Failed("this server is in a group already")
    if mine["state"] == ERROR:
        ask("STOP GROUP_REPLICATION", seconds=JOIN_S)
    ask(BOOTSTRAP, seconds=JOIN_S)


def bootstrap_if_fresh():
    """Form the group if no server has ever been in one; all must answer, to be sure. Raises Failed."""
    if exists():
        return  # this server is new in it, and joins by itself
    deadline = time.monotonic() + PEERS_S
    while silent := {name: row["error"] for name, row in everyone().items() if "error" in row}:
        if time.monotonic() > deadline:
            raise Failed("; ".join(f"{name}: {error}" for name, error in silent.items()))
        time.sleep(POLL_S)
    if fresh(everyone()):
        bootstrap()


def fresh(rows):
    """Whether these servers have no transactions, and none is in a group."""
    return all(row.get("state") == OFFLINE and row.get("gtid_executed") == "" for row in rows.values())


def main():
    parser = argparse.ArgumentParser(prog="firedrill-group", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("keep", "look", "bootstrap-if-fresh", "bootstrap"))
    what = parser.parse_args().what
    try:
        if what == "look":
            print(json.dumps(everyone()))
        else:
            {"keep": keep, "bootstrap": bootstrap, "bootstrap-if-fresh": bootstrap_if_fresh}[what]()
    except Failed as error:
        print(f"firedrill-group {what}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
