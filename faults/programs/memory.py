"""Hold memory: `memory.py mib N` that much, or `memory.py percent P` until that share is in use.

It yields: MARGIN MiB always stay available, and if the kernel runs out of memory all the same, this process is
killed first.
"""

import ctypes
import mmap
import sys
import time
from pathlib import Path

CHUNK = 8 << 20
STEP_SECONDS = 0.05


def meminfo() -> dict[str, int]:
    """In bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}


def chunk() -> mmap.mmap:
    """Memory that is really allocated, every page with different content."""
    held = mmap.mmap(-1, CHUNK)
    for at in range(0, CHUNK, mmap.PAGESIZE):
        held[at : at + 8] = at.to_bytes(8, "little")
    return held


def hold(how: str, amount: float, margin: int) -> None:
    libc = ctypes.CDLL(None)
    libc.mlockall(3)  # if permitted: what is swapped out is not held
    held: list[mmap.mmap] = []
    while True:
        now = meminfo()
        spare = now["MemAvailable"] - margin
        if how == "percent":
            spare = min(spare, int(now["MemAvailable"] - now["MemTotal"] * (1 - amount / 100)))
        else:
            spare = min(spare, (int(amount) << 20) - len(held) * CHUNK)
        if spare >= CHUNK:
            held += [chunk() for _ in range(min(spare // CHUNK, 32))]
        elif spare < -CHUNK and held:
            held.pop().close()
        else:
            time.sleep(STEP_SECONDS)


if __name__ == "__main__":
    Path("/proc/self/oom_score_adj").write_text("1000")
    hold(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]) << 20)
