"""Keep COUNT processors busy for PERCENT of the time: `cpu.py COUNT PERCENT`."""

import os
import sys
import time

PERIOD = 0.05


def burn(percent: float) -> None:
    """By the processor time that we got, not by the clock: time that other processes took does not count."""
    began, used = time.monotonic(), time.process_time()
    while True:
        owed = (time.monotonic() - began) * percent / 100 - (time.process_time() - used)
        if owed > 1:  # other processes had the processor: that time is not caught up
            began, used = time.monotonic(), time.process_time()
        if owed <= 0:
            time.sleep(PERIOD * (1 - percent / 100) or 0.001)
        else:
            until = time.process_time() + min(owed, PERIOD)
            while time.process_time() < until:
                pass


if __name__ == "__main__":
    for _ in range(int(sys.argv[1]) - 1):
        if os.fork() == 0:
            break
    burn(float(sys.argv[2]))
