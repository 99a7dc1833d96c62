"""The fuzz tests for long, with other examples each time: `make unit` runs a few, always the same (tests/fuzz.py)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = [*sorted(HERE.rglob("test_fuzz.py")), HERE / "faults/test_records.py", HERE / "faults/test_options.py",
         HERE / "inventories/test_printable.py"]  # fmt: skip
EXAMPLES = os.environ.get("FIREDRILL_FUZZ_EXAMPLES", "5000")


@pytest.mark.soak
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HERE)))
def test_many_examples(file):
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-m", "not lab", str(file)]
    environment = os.environ | {"FIREDRILL_FUZZ_EXAMPLES": EXAMPLES}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
