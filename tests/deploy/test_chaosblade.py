"""What chaosblade is installed from is named by the user, and checked before any host is touched: the plan alone."""

import hashlib
import http.server
import io
import json
import subprocess
import tarfile
import threading
from functools import partial
from pathlib import Path

import pytest

from firedrill.deploy.release import unpacking

ROOT = Path(__file__).resolve().parents[2]


def pack(file: Path, *names: str) -> str:
    """A tar.gz with empty files of these names; its SHA-256."""
    with tarfile.open(file, "w:gz") as out:
        for name in names:
            out.addfile(tarfile.TarInfo(name), io.BytesIO())
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def plan(pyinfra):
    def of(archive: object, checksum: str, **environment: str):
        given = ("--data", f"chaosblade_archive={archive}", "--data", f"chaosblade_sha256={checksum}")
        return pyinfra("--dry", "--json", *given, "inventories/fake.py", "deploy/chaosblade.py", **environment)

    return of


def test_a_release_goes_to_every_host(plan, tmp_path):
    file = tmp_path / "release.tar.gz"
    done = plan(file, pack(file, "chaosblade-1.7.2/blade", "chaosblade-1.7.2/bin/chaos_os"))
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout)["plan"]
    assert [step["name"] for step in steps] == ["Unpack chaosblade"]
    assert len(steps[0]["hosts_with_change"]) > 5


def test_it_is_fetched_from_an_address_that_the_user_names(plan, tmp_path):
    checksum = pack(tmp_path / "release.tar.gz", "x/blade")
    requested = []
    log = {"log_message": lambda self, *words: requested.append(self.path)}
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), log)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        temporary = tmp_path / "temporary"
        temporary.mkdir()
        good = plan(f"{address}/release.tar.gz", checksum, TMPDIR=str(temporary))
        fetched = requested.count("/release.tar.gz")
        gone = plan(f"{address}/none.tar.gz", checksum)
        server.shutdown()
    assert good.returncode == 0, good.stderr
    assert fetched == 1, "once, not per host"
    assert list(temporary.iterdir()) == []
    assert gone.returncode == 2
    assert "cannot be fetched (Client error '404" in gone.stderr


@pytest.mark.parametrize(
    ("names", "checksum", "said"),
    [
        (("x/blade",), "f" * 64, "wanted ffffff"),
        (("x/bin/chaos_os",), None, "contains no FOLDER/blade"),
        (("blade",), None, "contains no FOLDER/blade"),
        (("x/blade", "y/blade"), None, "contains no FOLDER/blade"),
    ],
)
def test_another_archive_is_refused(plan, tmp_path, names, checksum, said):
    file = tmp_path / "release.tar.gz"
    found = pack(file, *names)
    done = plan(file, checksum or found)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.splitlines()[-1].startswith("deploy: ") and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("archive", "checksum", "said"),
    [("", "", "no chaosblade release is configured"), ("/nowhere.tar.gz", "ff", "no file /nowhere.tar.gz")],
)
def test_without_an_archive_nothing_is_done(plan, archive, checksum, said):
    done = plan(archive, checksum)
    assert done.returncode == 2
    assert said in done.stderr


def test_what_is_no_archive_is_refused(plan, tmp_path):
    file = tmp_path / "release.tar.gz"
    file.write_text("an error page")
    done = plan(file, hashlib.sha256(file.read_bytes()).hexdigest())
    assert done.returncode == 2
    assert "is not an archive" in done.stderr


@pytest.mark.parametrize("swapped", [False, True])
def test_an_archive_that_another_user_of_the_host_has_swapped_is_not_run(tmp_path, swapped):
    def packed(words: str) -> bytes:
        program = f"#!/bin/sh\ntouch {tmp_path}/{words}\n".encode()
        entry = tarfile.TarInfo("x/blade")
        entry.size, entry.mode = len(program), 0o755
        with io.BytesIO() as made, tarfile.open(fileobj=made, mode="w:gz") as out:
            out.addfile(entry, io.BytesIO(program))
            out.close()
            return made.getvalue()

    uploaded, there = tmp_path / "uploaded", tmp_path / "there"
    right = packed("right")
    checksum = hashlib.sha256(right).hexdigest()
    uploaded.write_bytes(packed("other") if swapped else right)
    done = subprocess.run(["sh", "-c", unpacking(str(uploaded), checksum, str(there))], check=False)
    assert (done.returncode == 0) is not swapped
    assert [name for name in ("right", "other") if (tmp_path / name).exists()] == ([] if swapped else ["right"])
    assert (there / ".sha256").exists() is not swapped
