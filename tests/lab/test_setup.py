"""`make prepare`: environment and host image are made at the same time, and each reports its own error."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# In place of Python, pip and the image's build: notes when each began and ended; fails or takes long when asked to.
PYTHON = """\
#!/bin/sh
note() { echo "$1 $(date +%s.%N)" >>"$NOTES"; }
case "$*" in
*"-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"-m pip "*) name=pip error="ERROR: No matching distribution found for pyinfra" ;;
*lab.image*) name=image error="lab image: Debian packages cannot be fetched (E: no route): check the network" ;;
esac
[ "$name" ] || exit 0
note $name-began
sleep "${SECONDS_EACH:-0.5}"
[ "$FAILING" = "${FAILING#*$name}" ] || { echo "$error" >&2; exit 2; }
note $name-ended
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with our Makefile, a PATH whose programs are stand-ins, and the notes that they write."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    stubs = {"python3": PYTHON, "id": "#!/bin/sh\necho 0\n", "dpkg-query": "#!/bin/sh\necho installed\n"}
    for name, text in stubs.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    known = {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "NOTES": str(folder / "notes")}
    return subprocess.Popen(
        ["env", "--default-signal=INT", "make", "prepare"], cwd=folder, env=known | environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def notes(folder: Path) -> dict[str, float]:
    lines = (folder / "notes").read_text().splitlines() if (folder / "notes").exists() else []
    return {name: float(at) for name, at in (line.split() for line in lines)}


def test_the_environment_and_the_image_are_made_at_the_same_time(checkout):
    made = start(checkout)
    _, errors = made.communicate(timeout=60)
    assert made.returncode == 0, errors
    found = notes(checkout)
    assert max(found["pip-began"], found["image-began"]) < min(found["pip-ended"], found["image-ended"])


@pytest.mark.parametrize(
    ("failing", "causes"),
    [
        ("pip", ["No matching distribution found for pyinfra): check network and DNS"]),
        ("image", ["Debian packages cannot be fetched (E: no route): check the network"]),
        ("pip image", ["No matching distribution found for pyinfra)", "Debian packages cannot be fetched"]),
    ],
)
def test_each_reports_its_own_error(checkout, failing, causes):
    made = start(checkout, FAILING=failing)
    _, errors = made.communicate(timeout=60)
    assert made.returncode == 2
    for cause in causes:
        assert cause in errors


def test_ctrl_c_ends_both(checkout):
    made = start(checkout, SECONDS_EACH="30")
    while not {"pip-began", "image-began"} <= notes(checkout).keys():
        assert made.poll() is None
        time.sleep(0.05)
    os.killpg(made.pid, signal.SIGINT)  # what a terminal does
    made.communicate(timeout=10)
    assert made.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.killpg(made.pid, 0)
    assert not {"pip-ended", "image-ended"} & notes(checkout).keys()


def test_the_image_needs_nothing_of_pip():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import firedrill.lab.image"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
