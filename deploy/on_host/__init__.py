"""Programs that run on a host. Standard library only; some are installed there, others travel with each question."""

import base64
import functools
import shlex
import zlib
from pathlib import Path

START = "import base64, sys, zlib; exec(zlib.decompress(base64.b64decode(sys.argv.pop(1))))"


@functools.cache
def packed(program: Path) -> str:
    """A program as one short word."""
    return base64.b64encode(zlib.compress(program.read_bytes(), 9)).decode()


def command(program: Path, *arguments: str) -> str:
    """The shell command that runs a program on a host that does not have it, or has an older one."""
    return shlex.join(["python3", "-c", START, packed(program), *arguments])
