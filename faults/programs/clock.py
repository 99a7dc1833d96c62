"""Set the host's clock wrong, and right again.

`clock.py jump FILE SECONDS`, `clock.py drift FILE PPM`, `clock.py undo FILE`. FILE keeps the time and the
machine's own counter of that moment. That counter (CLOCK_MONOTONIC_RAW) is neither set nor slewed, so the right time
can be computed later. After a reboot it cannot, and the clock stays as the boot set it. Meanwhile NTP is stopped.
`clock.py look FILE` prints by how much the clock drifts more than before (ppm).
"""

import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

NTP = ("systemd-timesyncd", "chrony", "ntpsec", "ntp", "openntpd")
ADJ_FREQUENCY, ADJ_TICK = 0x0002, 0x4000
BOOT = Path("/proc/sys/kernel/random/boot_id")


class Timex(ctypes.Structure):
    """The kernel's struct timex on 64-bit machines."""

    _fields_ = [
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("constant", ctypes.c_long),
        ("precision", ctypes.c_long), ("tolerance", ctypes.c_long), ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long), ("tick", ctypes.c_long), ("rest", ctypes.c_long * 32),
    ]  # fmt: skip


def adjtimex(**given: int) -> Timex:
    libc = ctypes.CDLL(None, use_errno=True)
    it = Timex(**given)
    if libc.adjtimex(ctypes.byref(it)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return it


def remember(file: Path) -> None:
    now = adjtimex()
    running = [one for one in NTP if subprocess.run(["systemctl", "is-active", "--quiet", one]).returncode == 0]
    text = json.dumps({
        "boot": BOOT.read_text(), "raw": time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW), "real": time.time_ns(),
        "tick": now.tick, "freq": now.freq, "ntp": running,
    })  # fmt: skip
    with open(file, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())  # a watchdog may reset the host because of the clock
    for one in running:
        subprocess.run(["systemctl", "stop", one], check=True)


def undo(file: Path) -> None:
    if not file.exists():
        return
    if not (text := file.read_text()):  # the host was reset before anything was changed
        file.unlink()
        return
    was = json.loads(text)
    if was["boot"] == BOOT.read_text():
        adjtimex(modes=ADJ_TICK | ADJ_FREQUENCY, tick=was["tick"], freq=was["freq"])
        passed = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - was["raw"]
        time.clock_settime_ns(time.CLOCK_REALTIME, was["real"] + passed)
    for one in was["ntp"]:
        subprocess.run(["systemctl", "start", one], check=True)
    file.unlink()


def drift(file: Path) -> float:
    now, was = adjtimex(), json.loads(file.read_text())
    return float(now.tick / was["tick"] - 1) * 10**6


if __name__ == "__main__":
    what, file = sys.argv[1], Path(sys.argv[2])
    if what == "undo":
        undo(file)
    elif what == "look":
        print(drift(file))
    else:
        remember(file)
        if what == "jump":
            time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns() + int(float(sys.argv[3]) * 10**9))
        else:
            tick = adjtimex().tick
            adjtimex(modes=ADJ_TICK, tick=tick + round(float(sys.argv[3]) * tick / 10**6))
