"""The alerts that Prometheus raises, read from their files, templates/monitoring/rules/*.yml."""

import re
from pathlib import Path

from firedrill import package

FOLDER = package.file("templates/monitoring/rules")
ALERT = re.compile(r"^ *- alert: (\w+)$", re.MULTILINE)
# It fires as long as the monitoring works.
DEAD_MANS_SWITCH = "DeadMansSwitch"


def files() -> list[Path]:
    """The files of rules."""
    return sorted(Path(str(FOLDER)).glob("*.yml"))


NAMES = tuple(dict.fromkeys(name for file in files() for name in ALERT.findall(file.read_text())))
