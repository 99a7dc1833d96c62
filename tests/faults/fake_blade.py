#!/usr/bin/env python3
"""A `blade` that behaves as chaosblade 1.7.2 and 1.7.4 do, their traps included; the network part with the real tc.

Words in the file `lies`, beside it, make it worse: `create` says success and does nothing, `destroy` as well.
"""

import json
import os
import random
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORDS, LIES, LOGS = HERE / "chaosblade.dat", HERE / "lies", HERE / "logs"
COLUMNS = ("Uid", "Command", "SubCommand", "Flag", "Status", "Error", "CreateTime", "UpdateTime")
NO_RECORD = "record not found, if it's k8s experiment, please add --target k8s flag to retry"
NETWORK = [
    "interface", "destination-ip", "exclude-ip", "local-port", "remote-port", "exclude-port", "ignore-peer-port!",
    "protocol", "force!",
]  # fmt: skip
FLAGS = {
    "network corrupt": ["percent", *NETWORK],
    "network loss": ["percent", *NETWORK],
    "network duplicate": ["percent", *NETWORK],
    "network delay": ["time", "offset", *NETWORK],
    "network reorder": ["percent", "correlation", "gap", "time", *NETWORK],
    "cpu fullload": ["cpu-percent", "cpu-count", "cpu-list", "climb-time"],
    "mem load": ["mode", "mem-percent", "reserve", "rate", "avoid-being-killed!", "include-buffer-cache!"],
    "disk fill": ["path", "percent", "reserve", "size", "retain-handle!"],
    "process kill": ["process", "process-cmd", "pid", "local-port", "signal", "count", "ignore-not-found!"],
    "process stop": ["process", "process-cmd", "pid", "local-port", "count", "ignore-not-found!"],
}
# One process, which looks for a second before it burns what the host's total use lacks.
BURN = """
import time
def total():
    words = [int(one) for one in open("/proc/stat").readline().split()[1:9]]
    return sum(words) - words[3] - words[4], sum(words)
before = total()
time.sleep(1)
own, began = 0.0, time.process_time()
while True:
    now = total()
    share = (now[0] - before[0]) / max(1, now[1] - before[1]) * 100
    own = min(100, max(0, own + {percent} - share))
    before, until = now, time.monotonic() + 1
    while time.monotonic() < until:
        stop = time.monotonic() + 0.05 * own / 100
        while time.monotonic() < stop:
            pass
        time.sleep(0.05 * (100 - own) / 100)
"""
# Up to {rate} MiB each second, until no more than {reserve} are free, buffered or cached.
HOLD = """
import time
def free():
    rows = dict(line.split(":") for line in open("/proc/meminfo"))
    return sum(int(rows[name].split()[0]) for name in ("MemFree", "Buffers", "Cached", "SReclaimable")) >> 10
held = []
while True:
    want = min({rate}, free() - {reserve})
    if want > 0:
        held.append(b"x" * (want << 20))
    time.sleep(1)
"""


class Failure(Exception):
    """A code of chaosblade's with its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def say(result: object) -> None:
    print(json.dumps({"code": 200, "success": True, "result": result}, separators=(",", ":")))


def database() -> sqlite3.Connection:
    opened = sqlite3.connect(RECORDS, timeout=10, isolation_level=None)
    opened.execute(f"create table if not exists experiment ({', '.join(COLUMNS)}, unique (Uid))")
    return opened


def records() -> list[dict]:
    """With the flags in no order, as they come out of a map of Go's."""
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in database().execute("select * from experiment")]
    for row in rows:
        flags = [f"--{one}" for one in row["Flag"].split("--") if one]
        row["Flag"] = " ".join(random.sample([one.strip() for one in flags], len(flags)))
    return rows


def add(uid: str, command: str, action: str, flags: str) -> None:
    row = (uid, command, action, flags, "Created", "", stamp(), stamp())
    try:
        database().execute(f"insert into experiment values ({', '.join('?' * len(row))})", row)
    except sqlite3.IntegrityError:
        raise Failure(67001, f"`{uid}`: UNIQUE constraint failed: experiment.uid") from None


def change(uid: str, status: str, error: str = "") -> None:
    words = (status, error, stamp(), uid)
    database().execute("update experiment set Status = ?, Error = ?, UpdateTime = ? where Uid = ?", words)


def find(uid: str) -> dict:
    if found := [row for row in records() if row["Uid"] == uid]:
        return found[0]
    raise Failure(67002, NO_RECORD)


def stamp() -> str:
    nanoseconds = time.time_ns()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(nanoseconds // 10**9))}.{nanoseconds % 10**9:09}Z"


def run(text: str) -> None:
    done = subprocess.run(text, shell=True, capture_output=True, text=True)
    if done.returncode:
        raise Failure(63063, f"`{text}`: cmd exec failed, err: {done.stderr.strip()} {done.stdout.strip()}")


def parse(known: list[str], words: list[str]) -> dict[str, str]:
    """As cobra does: an unknown flag is answered in plain text. What flags there are is in the folder yaml."""
    if not list(HERE.glob("yaml/chaosblade-os-spec-*.yaml")):
        known = []
    given = {}
    words = list(words)
    while words:
        name = words.pop(0).removeprefix("--")
        if f"{name}!" in known:
            given[name] = "true"
        elif name in (*known, "uid", "timeout") and words:
            given[name] = words.pop(0)
        else:
            print(f"unknown flag: --{name}", file=sys.stderr)
            sys.exit(1)
    return given


# Network: as its Go source does, `tc` for `tc`


def network(action: str, given: dict[str, str]) -> None:
    if not (device := given.get("interface")):
        raise Failure(45000, "less parameter: `interface`")
    percent = given.get("percent")
    if action != "delay" and not percent:
        raise Failure(45000, "less parameter: `percent`")
    rule = {
        "delay": f"netem delay {given.get('time')}ms {given.get('offset', '0')}ms",
        "reorder": f"netem reorder {percent}% {given.get('correlation')}% delay {given.get('time', '10')}ms",
    }.get(action, f"netem {action} {percent}%")
    addresses = [f"match ip dst {one}" for one in given.get("destination-ip", "").split(",") if one]
    if not addresses and not given.get("exclude-ip"):
        run(f"tc qdisc add dev {device} root {rule}")
        return
    # Not looked at: where there is a root already this fails, and what follows decides.
    subprocess.run(f"tc qdisc add dev {device} root handle 1: prio bands 4", shell=True, capture_output=True)
    add = f"tc filter add dev {device} parent 1: prio"
    lines = [f"tc qdisc add dev {device} parent 1:4 handle 40: {rule}"]
    ports = [(side, port) for side, name in (("sport", "local-port"), ("dport", "remote-port"))
             for port in given.get(name, "").split(",") if port]  # fmt: skip
    for address in addresses:
        lines += [f"{add} 4 protocol ip u32 {address} match ip {side} {port} 0xffff flowid 1:4" for side, port in ports]
        lines += [] if ports else [f"{add} 4 protocol ip u32 {address} flowid 1:4"]
    for one in filter(None, given.get("exclude-ip", "").split(",")):
        lines.append(f"{add} 3 protocol ip u32 match ip dst {one} flowid 1:3")
    for port in filter(None, given.get("exclude-port", "").split(",")):
        lines += [f"{add} 3 protocol ip u32 match ip {side} {port} 0xffff flowid 1:3" for side in ("dport", "sport")]
    try:
        run(" && ".join(lines))
    except Failure:
        stop_network(device, quiet=True)  # the clean-up that ends another's experiment
        raise


def stop_network(device: str, quiet: bool = False) -> None:
    subprocess.run(f"tc filter del dev {device} parent 1: prio 4", shell=True, capture_output=True)
    try:
        run(f"tc qdisc del dev {device} root")
    except Failure:
        if not quiet:
            raise


# Processes of its own: found again by a part of their command line


def start(name: str, program: str) -> None:
    code = f"'''chaos_os create {name}'''\n{program}"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def stop(name: str) -> None:
    if subprocess.run(["pkill", "-KILL", "-f", f"chaos_os create {name}"], check=False).returncode:
        raise Failure(63063, f"`{name}`: cmd exec failed, no process of it")


def cpu(given: dict[str, str]) -> None:
    percent = int(given.get("cpu-percent", "100"))
    if 0 <= percent <= 100:  # and says success
        start("cpu fullload", BURN.format(percent=percent))


def memory(given: dict[str, str]) -> None:
    total = int(Path("/proc/meminfo").read_text().split()[1]) >> 10
    reserve = int(given["reserve"]) if "reserve" in given else total * (100 - int(given["mem-percent"])) // 100
    start("mem load", HOLD.format(rate=int(given.get("rate", "100")), reserve=reserve))


def processes(action: str, given: dict[str, str]) -> None:
    pids = [int(one) for one in given.get("pid", "").split(",") if one]
    if not pids:
        raise Failure(45000, "less parameter: `pid|process|process-cmd|local-port`")
    if action == "kill" and "signal" not in given:
        raise Failure(45000, "less parameter: `signal`")
    for pid in pids:
        try:
            os.kill(pid, int(given["signal"]) if action == "kill" else signal.SIGSTOP)
        except ProcessLookupError:
            raise Failure(63063, f"kill: ({pid}) - No such process") from None


def fill(given: dict[str, str]) -> None:
    if not Path(given.get("path", "/")).is_dir():
        raise Failure(46000, "illegal parameter: path, it must be a directory")
    run(f"fallocate -l {given['size']}M {shlex.quote(given['path'])}/chaos_filldisk.log.dat")


def create(words: list[str]) -> None:
    what = " ".join(words[:2])
    if what not in FLAGS:
        print(f"Error: unknown command {what!r}", file=sys.stderr)
        sys.exit(1)
    given = parse(FLAGS[what], words[2:])
    if not (HERE / "bin/chaos_os").exists():
        raise Failure(63063, f"`{HERE}/bin/chaos_os`: cmd exec failed, err: no such file or directory")
    command, action = words[:2]
    uid = given.setdefault("uid", os.urandom(8).hex())
    add(uid, command, action, " ".join(f"--{key}={value}" for key, value in given.items()))
    lying = LIES.exists() and "create" in LIES.read_text()
    try:
        if not lying:
            {
                "network": lambda: network(action, given), "cpu": lambda: cpu(given), "mem": lambda: memory(given),
                "disk": lambda: fill(given), "process": lambda: processes(action, given),
            }[command]()  # fmt: skip
    except Failure as failure:
        change(uid, "Error", str(failure))
        raise
    if "timeout" in given:
        text = f"sleep {given['timeout']}; {HERE}/blade destroy {uid}"
        subprocess.Popen(["nohup", "sh", "-c", text], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    change(uid, "Success")
    say(uid)


def destroy(uid: str, force: bool) -> None:
    found = find(uid)
    if found["Status"] == "Destroyed":
        say(f"command: {found['Command']} {found['SubCommand']} {found['Flag']}, destroy time: {found['UpdateTime']}")
        return
    given = dict(one.removeprefix("--").split("=", 1) for one in found["Flag"].split(" --") if one)
    command, action = found["Command"], found["SubCommand"]
    lying = LIES.exists() and "destroy" in LIES.read_text()
    try:
        if lying:
            pass
        elif command == "network":
            stop_network(given["interface"])
        elif command in ("cpu", "mem"):
            stop(f"{command} {action}")
        elif command == "disk":
            (Path(given["path"]) / "chaos_filldisk.log.dat").unlink(missing_ok=True)
        elif action == "stop":
            run(f"kill -CONT {given['pid'].replace(',', ' ')}")
    except Failure:
        if force:
            database().execute("delete from experiment where Uid = ?", (uid,))
        raise
    change(uid, "Destroyed")
    say({"target": command, "action": action, "flags": given, "ActionProcessHang": False})


def main(words: list[str]) -> None:
    if os.getuid():
        raise Failure(43000, "no permission")
    LOGS.mkdir(exist_ok=True)
    match words:
        case ["version"]:
            print("ChaosBlade Version Information:\nVersion:     1.7.2")
        case ["create", *rest]:
            create(rest)
        case ["destroy", uid, *rest]:
            destroy(uid, "--force-remove" in rest)
        case ["status", "--type", "create", "--status", status]:
            say([row for row in records() if row.get("Status") == status])
        case ["status", uid]:
            say(find(uid))
        case _:
            print(f'Error: unknown command {" ".join(words)!r} for "blade"', file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        answer = {"code": failure.code, "success": False, "error": str(failure)}
        print(json.dumps(answer, separators=(",", ":")), file=sys.stderr)
        sys.exit(1)
