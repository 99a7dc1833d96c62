#!/usr/bin/python3
"""Hold a cluster's lock on this host for a deploy, for as long as its connection lives.

    python3 lease.py NAME TEXT SECONDS

Prints "taken", or the text of the holder. Ends when its standard input closes, or is silent for SECONDS (a controller
that vanished); then the file is gone. A file without a living process is no lock. Run as root: no other user can
open the file, and so hold its lock.
"""

import contextlib
import fcntl
import os
import select
import sys

FOLDER = "/run/firedrill/locks"


def opened(path):
    """The file, made if there is none, in a folder that nobody else can enter."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def taken(path):
    """A descriptor that holds the lock of the file that is at this path; or the text of its holder."""
    while True:
        file = opened(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None, os.pread(file, 1000, 0).decode(errors="replace")
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(file).st_ino:
                return file, None
        os.close(file)  # its holder has just removed it


def main(name, text, seconds):
    path = os.path.join(FOLDER, name)
    file, holder = taken(path)
    if file is None:
        print("held " + holder.replace("\n", " "), flush=True)
        return
    os.ftruncate(file, 0)
    os.pwrite(file, text.encode(), 0)
    print("taken", flush=True)
    while select.select([0], [], [], float(seconds))[0] and os.read(0, 4096):
        pass
    os.unlink(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
