"""Keep a disk busy: `disk_io.py FILE MIB WORKERS`. Each worker writes its file over and over, syncs, and reads it."""

import os
import sys

BLOCK = 1 << 20


def churn(path: str, blocks: int) -> None:
    data = os.urandom(BLOCK)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        for at in range(blocks):
            os.pwrite(file, data, at * BLOCK)
        os.fdatasync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        for at in range(blocks):
            os.pread(file, BLOCK, at * BLOCK)


if __name__ == "__main__":
    workers = int(sys.argv[3])
    number = 0
    while number < workers - 1:
        if os.fork() == 0:
            break
        number += 1
    churn(f"{sys.argv[1]}{number}", int(sys.argv[2]))
