"""Whatever is typed after `experiments`, and whatever a file holds: an exit code of its own, never a traceback."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firedrill.experiments import __main__ as experiments
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.inventories import command
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from tests.fuzz import TEXTS, few

FLAGS = st.sampled_from(
    [
        "--repeat",
        "--seed",
        "--backend",
        "--abort-when",
        "--only",
        "--quick",
        "--json",
        "--report",
        "--suite",
        "--since",
        "--to",
        "--junit",
    ]
)
WORDS = ("5", "-1", "nan", "1e400", "99999999999", "tc", "5%", "5% in 10s", "x.py:Y", "FILE", "FOLDER", *EXPERIMENTS)
VALUES = st.sampled_from(WORDS) | TEXTS.map(lambda text: text.replace("\0", "\udc80").replace("\ud800", "\udcff"))
TYPED = st.lists(FLAGS | VALUES, max_size=6)
VERBS = st.sampled_from(("list", "show", "run", "suite", "judge", "report", "journal", "--version", "doctor", "x"))


@pytest.fixture(scope="module")
def inventory():
    return read()


@few(150)
@given(verb=VERBS, typed=TYPED, content=st.binary(max_size=60))
@example(verb="judge", typed=["FILE"], content=b"[" * 50_000)
@example(verb="report", typed=["FOLDER", "--suite"], content=b"{}")
def test_anything_typed(tmp_path_factory, monkeypatch, capsys, inventory, verb, typed, content):
    """No run is begun: what a run does is tested elsewhere."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("events.jsonl", "suite.json", "verdict.json"):
        (folder / name).write_bytes(content)

    def none(*_, **__):
        raise Problem("no run", "this is a test")

    for name in ("Run", "examine", "only_one"):
        monkeypatch.setattr(experiments, name, none)
    monkeypatch.setattr(experiments, "_end_in_good_order", lambda: None)
    monkeypatch.setattr(command, "read", lambda path: inventory)
    monkeypatch.chdir(folder)
    places = {"FILE": str(folder / "events.jsonl"), "FOLDER": str(folder)}
    monkeypatch.setattr("sys.argv", ["experiments", verb, *(places.get(word, word) for word in typed)])
    with pytest.raises(SystemExit) as ended:
        experiments.main()
    shown = capsys.readouterr()
    assert ended.value.code in (0, None, 2, 3), (verb, typed, shown.err)
    assert "Traceback" not in shown.err and "defect" not in shown.err, (verb, typed, shown.err)
    assert "\x1b" not in shown.err + shown.out and "\u202e" not in shown.err
