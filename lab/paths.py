"""The lab's folders: a cache of built images, and a folder per lab with disks and keys, which `lab down` removes."""

import os
from pathlib import Path

CACHE = Path(os.environ.get("FIREDRILL_CACHE", "/var/cache/firedrill"))
STATE = Path(os.environ.get("FIREDRILL_STATE", "/var/lib/firedrill"))
