"""A run begins when every observer has recorded a sample, of every host that it must report on."""

import json
import threading
import time

import pytest

from firedrill import package
from firedrill.experiments.model import Load
from firedrill.experiments.observe.catalogue import all_of
from firedrill.experiments.observe.watching import Watch, until_writes
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture
def watch(tmp_path) -> Watch:
    lab = Access(read(package.file("inventories/lab.py")), Secrets())
    observers = tuple(all_of(lab)[name] for name in ("write_probe", "members", "tcp"))
    return Watch(Load(rates={}), observers, lab, tmp_path, tmp_path / "log", lambda *_, **__: None, print)


def record(watch, name, *hosts, **fields):
    with open(watch.parts / f"{name}.jsonl", "a") as file:
        for host in hosts:
            file.write(json.dumps({"host": host, **fields}) + "\n")


def test_an_observer_has_begun_when_it_reached_every_host_that_it_must_report_on(watch):
    hosts = [host.name for host in watch.access.inventory.hosts]
    nodes = ["db1", "db2", "db3"]
    assert watch._silent() == ["write_probe", *(f"members of {n}" for n in nodes), *(f"tcp of {n}" for n in hosts)]
    record(watch, "write_probe", None)
    record(watch, "members", *nodes, reachable=True)
    record(watch, "tcp", *hosts[1:], reachable=True)
    record(watch, "tcp", hosts[0], reachable=False)
    assert watch._silent() == [f"tcp of {hosts[0]}"]
    record(watch, "tcp", hosts[0], reachable=True)
    assert watch._silent() == []


def test_half_a_line_is_no_sample_yet(watch):
    (watch.parts / "members.jsonl").write_text('{"host": "db1", "reach')
    assert "members of db1" in watch._silent()


def test_a_line_that_is_read_in_parts_is_one_event(tmp_path):
    """The probe may be in the middle of a line when it is read: at the first look, and at any later one."""
    part = tmp_path / "write_probe.jsonl"
    later = time.time_ns() + 10**9
    early, acked = (json.dumps({"t": later + 5, "start": start, "outcome": "acked"}) + "\n" for start in (1, later))
    part.write_text(early[:10])

    def go_on() -> None:
        for text in (early[10:], acked[:10], acked[10:]):
            time.sleep(0.2)
            with open(part, "a") as file:
                file.write(text)

    writer = threading.Thread(target=go_on)
    writer.start()
    assert until_writes(tmp_path, 10) is not None
    writer.join()
