"""Which PostgreSQL is Patroni's, where a host has several; tests/faults/test_crowded.py has two that run."""

import subprocess

import pytest

from firedrill.cluster.patroni import processes
from firedrill.inventories.read import Host


@pytest.fixture
def ask(tmp_path):
    """Run the shell text that prints the postmaster's id, with Patroni's unit under this name: (output, errors)."""

    def run() -> tuple[str, str]:
        data = {"postgres_data": f"{tmp_path}/*", "units": {"patroni": "patroni"}}
        host = Host("db1", "10.0.0.1", ("postgres",), data)
        text = f"set -e\nout=$({processes.main_process('postgres', host)})\necho $out"
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
        return done.stdout.strip(), done.stderr.strip()

    return run


@pytest.fixture
def instance(tmp_path):
    def make(name: str, pid: object = None) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "PG_VERSION").write_text("17\n")
        if pid is not None:
            (tmp_path / name / "postmaster.pid").write_text(f"{pid}\n/data\n")

    return make


def test_the_only_instance_is_meant(ask, instance):
    assert ask()[1].startswith("0 data directories match postgres_data")
    instance("main", 4194303)
    assert ask() == ("4194303", "")


def test_a_stopped_instance_has_no_process(ask, instance):
    instance("main")
    assert ask() == ("", "")


def test_of_two_that_are_not_told_apart_it_is_none_and_the_cause_is_said(ask, instance, tmp_path):
    instance("aaa", 4194303)
    instance("main")
    assert ask() == (
        "",
        f"2 data directories match postgres_data ({tmp_path}/*), none is known to be of patroni.service",
    )


def test_what_a_pid_file_says_is_a_number_or_nothing(ask, instance):
    instance("main", "$(touch /tmp/pwned) -1")
    assert ask() == ("", "")
