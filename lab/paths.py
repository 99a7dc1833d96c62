"""Where the lab keeps things: built images in a cache, a lab's disks and keys in one folder that `lab down` removes."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("FIREDRILL_CACHE", "/var/cache/firedrill"))
STATE = Path(os.environ.get("FIREDRILL_STATE", "/var/lib/firedrill"))
