"""The priority of who measures."""

import os
import subprocess
from pathlib import Path

import pytest

from firedrill.experiments.observe import priority


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise a priority")
def test_what_is_started_meanwhile_comes_first():
    before = nice()
    with pytest.raises(KeyboardInterrupt), priority.raised():
        started = subprocess.run(["nice"], capture_output=True, text=True, check=True).stdout
        raise KeyboardInterrupt
    assert int(started) == priority.NICE
    assert nice() == before


def test_an_ordinary_user_measures_at_his_own(monkeypatch):
    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refused)
    before = nice()
    with priority.raised():
        assert nice() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may raise a priority")
def test_a_session_of_its_own_is_weighed_as_a_whole():
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        group = Path(f"/proc/{process.pid}/autogroup")
        if not group.exists():
            pytest.skip("this kernel has no autogroup")
        priority.of_session(process.pid)
        said = group.read_text()
        process.kill()
    assert said.split()[-2:] == ["nice", str(priority.NICE)]
    priority.of_session(process.pid)  # has ended: nothing to do
