"""Every kind of database that the app can use. Of each there are two modules: KIND.py and KIND_pool.py."""

import importlib
from collections.abc import Mapping
from typing import Any

from .database import Database

KINDS = ("postgresql", "mysql")


def database(settings: Mapping[str, str]) -> Database:
    """The database that WEATHER_DATABASE names, with its pools. A host has the driver of this kind alone."""
    kind = KINDS[KINDS.index(settings["WEATHER_DATABASE"])]
    client, pools = (_module(name) for name in (kind, f"{kind}_pool"))
    return Database(client, pools.pool(settings, "write"), pools.pool(settings, "read"))


def _module(name: str) -> Any:
    return importlib.import_module(f".{name}", __package__)
