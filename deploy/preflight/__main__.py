"""Check the settings and hosts of an inventory before a deploy, and change nothing.

Run it as `python -m firedrill.deploy.preflight -i inventories/mine.py`. Exit codes: 0 nothing is refused, 2 otherwise.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import click

from firedrill import package
from firedrill.deploy.preflight.finding import REPORT, Finding, as_json, lines
from firedrill.deploy.preflight.settings import check
from firedrill.inventories.command import console_script
from firedrill.inventories.errors import USAGE, Problem
from firedrill.inventories.read import Inventory, read

DEPLOY = "firedrill.deploy.preflight.run.only_look"


@click.command(help=__doc__)
@click.option(
    "-i", "--inventory", metavar="FILE", help="Inventory file. Default: $FIREDRILL_INVENTORY, else inventories/lab.py."
)
@click.option("--json", "in_json", is_flag=True, help="Print JSON.")
def cli(inventory: str | None, in_json: bool) -> int:
    """Exit codes: 0 nothing is refused, 2 otherwise."""
    found = _findings(read(inventory))
    shown = as_json(found)
    if in_json:
        click.echo(json.dumps(shown, indent=1))
    else:
        for line in lines(found) or ["nothing is wrong"]:
            click.echo(line)
    return 0 if shown["ok"] else USAGE


def _findings(inventory: Inventory) -> list[Finding]:
    """The settings alone if they are refused: no host is connected to then."""
    settings = check(inventory.hosts)
    if any(one.refused for one in settings):
        return settings
    return _asked(inventory)


def _asked(inventory: Inventory) -> list[Finding]:
    """What the hosts say, asked by pyinfra in a process of its own. Raises Problem."""
    path = inventory.path
    with tempfile.TemporaryDirectory(prefix="firedrill-") as folder:
        report = Path(folder) / "report.json"
        command = package.command("pyinfra", "-y", "--dry", str(path), DEPLOY)
        environment = package.environment(**{REPORT: str(report)})
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if not report.exists():
            last = (done.stderr.strip() or "no answer").splitlines()[-1].strip()
            raise Problem(f"the hosts of {path} cannot be asked ({last})", "correct the inventory, or start the hosts")
        return [Finding(**one) for one in json.loads(report.read_text())["findings"]]


main = console_script(cli, "preflight")

if __name__ == "__main__":
    main()
