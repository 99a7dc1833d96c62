#!/usr/bin/env python3
"""A `blade` that behaves as chaosblade 1.7's contract says, its traps included; the network part with the real tc.

Words in the file `lies`, beside it, make it worse: `create` says success and does nothing, `destroy` as well.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORDS, LIES = HERE / "chaosblade.dat", HERE / "lies"
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
BURN = (
    "import time\nwhile True:\n  until = time.process_time() + 0.05\n"
    "  while time.process_time() < until: pass\n  {rest}"
)
HOLD = (
    "import time\nwant, held = {want} << 20, []\nwhile sum(map(len, held)) < want:\n"
    "  held.append(bytearray(b'x' * (8 << 20)))\ntime.sleep(9999)"
)


class Failure(Exception):
    """A code of chaosblade's with its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def say(result: object) -> None:
    print(json.dumps({"code": 200, "success": True, "result": result}, separators=(",", ":")))


def records() -> list[dict]:
    return json.loads(RECORDS.read_text()) if RECORDS.exists() else []


def record(uid: str, **changes: str) -> None:
    rows = records()
    found = next((row for row in rows if row["Uid"] == uid), None)
    if found is None:
        rows.append(found := {"Uid": uid, "CreateTime": stamp()})
    found.update(changes, UpdateTime=stamp())
    RECORDS.write_text(json.dumps(rows))


def stamp() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())


def run(text: str) -> None:
    done = subprocess.run(text, shell=True, capture_output=True, text=True)
    if done.returncode:
        raise Failure(63063, f"`{text}`: cmd exec failed, err: {done.stderr.strip()} {done.stdout.strip()}")


def parse(known: list[str], words: list[str]) -> dict[str, str]:
    """As cobra does: an unknown flag is answered in plain text."""
    given = {}
    words = list(words)
    while words:
        name = words.pop(0).removeprefix("--")
        if f"{name}!" in known:
            given[name] = "true"
        elif name in (*known, "uid", "timeout") and words:
            given[name] = words.pop(0)
        else:
            print(f"Error: unknown flag: --{name}\nUsage:\n  blade create ...", file=sys.stderr)
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
    if not 0 <= percent <= 100:
        return  # and says success
    count = min(int(given.get("cpu-count", "0")) or os.cpu_count(), os.cpu_count())
    for _ in range(count):
        start("cpu fullload", BURN.format(rest=f"time.sleep(0.05 * {100 - percent} / {percent})"))


def memory(given: dict[str, str]) -> None:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, available = (int(lines[name].split()[0]) >> 10 for name in ("MemTotal", "MemAvailable"))
    reserve = int(given["reserve"]) if "reserve" in given else total * (100 - int(given["mem-percent"])) // 100
    if available > reserve:
        start("mem load", HOLD.format(want=available - reserve))


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
    command, action = words[:2]
    uid = given.pop("uid", os.urandom(8).hex())
    flags = " ".join(f"--{key}={value}" for key, value in given.items())
    record(uid, Command=command, SubCommand=action, Flag=flags, Status="Created", Error="")
    lying = LIES.exists() and "create" in LIES.read_text()
    try:
        if not lying:
            {
                "network": lambda: network(action, given), "cpu": lambda: cpu(given), "mem": lambda: memory(given),
                "disk": lambda: fill(given), "process": lambda: processes(action, given),
            }[command]()  # fmt: skip
    except Failure as failure:
        record(uid, Status="Error", Error=str(failure))
        raise
    if "timeout" in given:
        text = f"sleep {given['timeout']}; {HERE}/blade destroy {uid}"
        subprocess.Popen(["nohup", "sh", "-c", text], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record(uid, Status="Success")
    say(uid)


def destroy(uid: str, force: bool) -> None:
    found = next((row for row in records() if row["Uid"] == uid), None)
    if found is None:
        raise Failure(67002, f"`{uid}`: data not found")
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
            RECORDS.write_text(json.dumps([row for row in records() if row["Uid"] != uid]))
        raise
    record(uid, Status="Destroyed")
    say({"target": command, "action": action, "flags": given})


def main(words: list[str]) -> None:
    if os.getuid():
        raise Failure(43000, "no permission")
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
            if not (found := [row for row in records() if row["Uid"] == uid]):
                raise Failure(67002, f"`{uid}`: data not found")
            say(found[0])
        case _:
            print(f'Error: unknown command {" ".join(words)!r} for "blade"', file=sys.stderr)
            sys.exit(1)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        print(json.dumps({"code": failure.code, "success": False, "error": str(failure)}), file=sys.stderr)
        sys.exit(1)
