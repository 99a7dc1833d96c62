"""Python modules run as commands, in processes forked from one that has imported them: no test imports them again.

    pyinfra = Forked("pyinfra_cli.main")
    done = pyinfra.run("pyinfra", "--version")

tests/library/test_wheel.py runs the commands as real processes.
"""

import atexit
import functools
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from tests.labs import ROOT, WITH_US

LARGEST = 1 << 20


class Forked:
    """A process with these modules imported; `run` forks it. `close` ends it, as does the end of this process."""

    def __init__(self, *modules: str) -> None:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with there:
            self._server = subprocess.Popen(
                [*WITH_US, sys.executable, "-m", "tests.forked", *modules], cwd=ROOT, stdin=there.fileno()
            )

    def run(
        self, module: str, *arguments: object, cwd: Path = ROOT, seconds: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """`python -m module arguments`, to its end."""
        words = [module, *map(str, arguments)]
        request = {"argv": words, "cwd": str(cwd), "environment": dict(os.environ) | environment}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            self._here.settimeout(seconds)
            socket.send_fds(self._here, [json.dumps(request).encode()], [out.fileno(), errors.fileno()])
            code = int(self._here.recv(16))
            texts = []
            for file in (out, errors):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(words, code, *texts)

    def close(self) -> None:
        self._here.close()
        self._server.wait()


def serve(modules: list[str]) -> None:
    # pyinfra asks for the same entry points again for each host.
    metadata.entry_points = functools.cache(metadata.entry_points)
    with socket.socket(fileno=os.dup(0)) as requests:
        for name in modules:
            importlib.import_module(name)
        while True:
            message, files, _, _ = socket.recv_fds(requests, LARGEST, 2)
            if not message:
                return
            child = os.fork()
            if not child:
                _be(json.loads(message), files)
            for file in files:
                os.close(file)
            requests.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


def _be(request: Mapping, files: list[int]) -> None:
    """Be the command; does not return."""
    code: object = 2
    try:
        for number, file in zip((1, 2), files, strict=True):
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        sys.argv = request["argv"]
        sys.modules.pop(f"{sys.argv[0]}.__main__", None)  # runpy runs it anew
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - as Python does at the end of a process
        traceback.print_exc()
        code = 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    serve(sys.argv[1:])
