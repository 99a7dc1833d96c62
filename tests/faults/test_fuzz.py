"""Whatever is typed after `faults`: an exit code of its own, one line for a person, and never a traceback."""

import contextlib

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firedrill.cluster import etcd, ssh
from firedrill.faults import __main__ as faults
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.protocol import option_types
from firedrill.inventories import command
from firedrill.inventories.read import read
from tests.fuzz import HOSTILE, TEXTS, few

OPTIONS = sorted({f"--{name.replace('_', '-')}" for kind in FAULTS.values() for name in option_types(kind)})
FLAGS = ("--for", "--max-hosts", "--allow-quorum-loss", "--unsteady", "--dry-run", "--json", "--all", "--accept", "-h")
WORDS = ("db1", "leader", "group:app", "all", "0badcafe", "1s", "1e9h", "nan", "-1", "22", "etcd2,etcd3", "tc", "both")
VALUES = st.sampled_from(WORDS) | TEXTS.map(lambda text: text.replace("\0", "\udc80").replace("\ud800", "\udcff"))
TYPED = st.lists(st.sampled_from(OPTIONS) | st.sampled_from(FLAGS) | VALUES, max_size=6)
VERBS = st.sampled_from((["list"], ["status"], ["heal"], ["doctor"], ["inject"], [], ["--version"])) | st.sampled_from(
    sorted(FAULTS)
).map(lambda name: ["inject", name, "db1"])


@pytest.fixture(scope="module")
def inventory():
    return read()


@pytest.fixture
def nobody_answers(monkeypatch, inventory):
    """No host of the inventory exists."""

    def refused(*_, **__):
        raise httpx.ConnectError("refused")

    def unreachable(host, *_, **__):
        raise ssh.Unreachable(f"{host.name} does not answer SSH", "")

    @contextlib.contextmanager
    def no_client(*_, **__):
        raise etcd.ERRORS[0]("refused")
        yield

    monkeypatch.setattr(command, "read", lambda path: inventory)
    monkeypatch.setattr(ssh, "connect", unreachable)
    monkeypatch.setattr(ssh, "answers", lambda *_, **__: False)
    monkeypatch.setattr(etcd, "client", no_client)
    for verb in ("get", "post", "request"):
        monkeypatch.setattr(httpx, verb, refused)


@few(150)
@given(verb=VERBS, typed=TYPED)
@example(verb=["inject", "drop", "db1"], typed=["--peers", "\udcff"])
@example(verb=["heal"], typed=["../../etc/passwd"])
def test_anything_typed(nobody_answers, monkeypatch, capsys, verb, typed):
    monkeypatch.setattr("sys.argv", ["faults", *verb, *typed])
    with pytest.raises(SystemExit) as ended:
        faults.main()
    shown = capsys.readouterr()
    assert ended.value.code in (0, None, 2, 3), (verb, typed, shown.err)
    assert "Traceback" not in shown.err and "defect" not in shown.err, (verb, typed, shown.err)
    assert "\x1b" not in shown.err + shown.out and "\u202e" not in shown.err


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\0" not in text], ids=repr)
def test_a_hostile_target(nobody_answers, monkeypatch, capsys, text):
    monkeypatch.setattr("sys.argv", ["faults", "inject", "drop", "--dry-run", "--", text])
    with pytest.raises(SystemExit) as ended:
        faults.main()
    assert ended.value.code in (0, None, 2)
    assert "Traceback" not in capsys.readouterr().err
