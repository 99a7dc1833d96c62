"""The dashboards have what Grafana needs, and ask for metrics that exist in a language that Prometheus understands."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from firedrill.deploy.monitoring import dashboards, rules
from tests.deploy import promtool

SOURCES = dashboards.sources()
# What Prometheus had of the monitored lab, and what no lab has: of a floating address, of Patroni before 4.0.
KNOWN = set(Path(__file__).with_name("metrics.txt").read_text().split())
ELSEWHERE = {"node_network_address_info", "pgbackrest_backup_since_last_completion_seconds"}
OWN = re.compile(
    r"\b(ALERTS|up|(?:node|etcd|patroni|pg|haproxy|nginx|prometheus|alertmanager|probe|process|scrape)_\w+)"
)


@pytest.fixture(params=SOURCES, ids=lambda file: file.stem)
def board(request) -> dict[str, Any]:
    return json.loads(request.param.read_text())


def queries(board: dict[str, Any]) -> list[str]:
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return asked + [one["expr"] for one in board["annotations"]["list"]]


def metrics(query: str) -> set[str]:
    """The metrics of a query, without texts and the labels in brackets."""
    bare = re.sub(r"\b(on|by|group_left|group_right)\s*\([^)]*\)|\{[^}]*\}", " ", query)
    return set(OWN.findall(re.sub(r'"[^"]*"', " ", bare)))


def test_there_are_dashboards():
    assert len(SOURCES) == 4 and len({json.loads(file.read_text())["uid"] for file in SOURCES}) == 4


def test_a_dashboard_has_what_grafana_needs(board):
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"]) and board["title"] and board["schemaVersion"] >= 36
    assert board["time"].keys() == {"from", "to"}
    assert [one["type"] for one in board["templating"]["list"]] == ["datasource"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        assert panel["type"] in ("timeseries", "stat") and panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == ["A", "B"][: len(panel["targets"])]
        assert all(target["legendFormat"] for target in panel["targets"])


def test_panels_do_not_overlap(board):
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + column, at["y"] + row) for column in range(at["w"]) for row in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


def test_prometheus_understands_every_query(board, tmp_path):
    rows = [{"record": f"query{number}", "expr": query} for number, query in enumerate(queries(board))]
    (tmp_path / "queries.json").write_text(json.dumps({"groups": [{"name": "queries", "rules": rows}]}))
    done = promtool.run("check", "rules", tmp_path / "queries.json")
    assert done.returncode == 0, done.stderr


def test_every_metric_of_a_dashboard_exists(board):
    assert {name for query in queries(board) for name in metrics(query)} - KNOWN - ELSEWHERE == set()


@pytest.mark.parametrize("file", rules.files(), ids=lambda file: file.stem)
def test_every_metric_of_a_rule_exists(file):
    text = "\n".join(
        re.sub(r"#.*|(summary|description|runbook|alert): .*", "", line) for line in file.read_text().splitlines()
    )
    assert metrics(text) - KNOWN - ELSEWHERE == set()
