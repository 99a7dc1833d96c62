"""What a run records when it begins: the provider of each host, the steps as text."""

from dataclasses import replace

import pytest

from firedrill.experiments.run import opening
from firedrill.experiments.steps import Inject
from firedrill.faults import Kill, Loss, PowerCut
from firedrill.inventories.read import read
from tests.labs import ROOT


def test_the_provider_of_each_host_is_recorded():
    local = read(ROOT / "inventories/lab.py").hosts[0]
    assert opening.provider(local) == "nspawn"
    assert opening.provider(replace(local, data=dict(local.data) | {"provider": "uml"})) == "uml"
    existing = {key: value for key, value in local.data.items() if key != "lab"}
    assert opening.provider(replace(local, data=existing)) is None


def test_the_machine_that_measures_is_recorded():
    machine = opening._machine()
    assert machine["cores"] >= 1 and machine["load_1m"] >= 0


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (PowerCut(), "inject power_cut on leader"),
        (Loss(percent=5), "inject loss --percent 5 on leader"),
        (Kill(process="app"), "inject kill --process app on leader"),
    ],
)
def test_a_step_names_its_fault_as_the_command_does(fault, text):
    assert str(Inject(fault, "leader")) == text
