"""The dashboards for a Grafana of the user's: JSON, written where the inventory names the folder that it reads."""

from pathlib import Path

from firedrill import package
from firedrill.deploy import topology
from firedrill.deploy.operations.files import HostFile

FOLDER = package.file("templates/monitoring/dashboards")


def sources() -> list[Path]:
    """The dashboards."""
    return sorted(FOLDER.glob("*.json"))


def files() -> list[HostFile]:
    """The dashboards as files of the current host; none without a Grafana."""
    folder = topology.data()["grafana_dashboards"]
    return [HostFile(f"{folder}/{one.name}", one.read_text()) for one in sources()] if folder else []
