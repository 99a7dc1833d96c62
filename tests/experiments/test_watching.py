"""A run begins when every observer has had its first word, of every host it must speak of."""

import json

import pytest

from firedrill.experiments.model import Load
from firedrill.experiments.observe.watching import Watch
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT


@pytest.fixture
def watch(tmp_path) -> Watch:
    lab = Access(read(ROOT / "inventories/lab.py"), Secrets())
    names = ("write_probe", "patroni", "tcp")
    return Watch(Load(rates={}), names, lab, tmp_path, tmp_path / "log", lambda *_, **__: None, print)


def say(watch, name, *hosts, **fields):
    with open(watch.parts / f"{name}.jsonl", "a") as file:
        for host in hosts:
            file.write(json.dumps({"host": host, **fields}) + "\n")


def test_an_observer_has_had_its_word_when_it_reached_every_host_that_it_must_speak_of(watch):
    hosts = [host.name for host in watch.access.inventory.hosts]
    nodes = ["db1", "db2", "db3"]
    assert watch._silent() == ["write_probe", *(f"patroni of {n}" for n in nodes), *(f"tcp of {n}" for n in hosts)]
    say(watch, "write_probe", None)
    say(watch, "patroni", *nodes, reachable=True)
    say(watch, "tcp", *hosts[1:], reachable=True)
    say(watch, "tcp", hosts[0], reachable=False)
    assert watch._silent() == [f"tcp of {hosts[0]}"]
    say(watch, "tcp", hosts[0], reachable=True)
    assert watch._silent() == []


def test_half_a_line_is_no_word_yet(watch):
    (watch.parts / "patroni.jsonl").write_text('{"host": "db1", "reach')
    assert "patroni of db1" in watch._silent()
