"""What the deploy tells an agent: /etc/firedrill/fence.json, mode 0600. Wrong values end the agent with the reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from firedrill.fence.decision import JUDGE, PROXY, WITNESS

FILE = Path("/etc/firedrill/fence.json")
# For drills alone, gone with the next boot: entries of UNSAFE that replace those of the configuration.
DRILL = Path("/run/firedrill/fence/drill.json")
UNSAFE = ("without_refusal", "die_after", "power")
MODES = ("quorum", "power")
MOMENTS = ("", "refused", "powered_off", "released")


class Invalid(Exception):
    """The configuration cannot be used."""


@dataclass(frozen=True)
class Config:
    """An agent's configuration. Neither password nor power commands are part of the repr."""

    host: str
    mode: str
    roles: tuple[str, ...]
    judges: tuple[str, ...]
    addresses: Mapping[str, str]  # of the databases
    ports: tuple[int, ...]  # that probes connect to
    refused_ports: Mapping[str, int]  # postgres, patroni
    etcd: tuple[str, ...]  # URLs, the member on this host first
    patroni_prefix: str
    prefix: str
    misses: int = 5
    interval_ms: int = 200
    user: str = ""
    password: str = field(default="", repr=False)
    power: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    power_seconds: float = 10
    chaos_allowed: bool = False
    without_refusal: bool = False
    die_after: str = ""
    drilled: bool = False  # whether a drill has changed it

    @property
    def is_judge(self) -> bool:
        return JUDGE in self.roles

    @property
    def role(self) -> str:
        """The role of this host's statements: that with the most weight."""
        return next(role for role in (JUDGE, WITNESS, PROXY) if role in self.roles)

    @property
    def enforces(self) -> bool:
        """Whether this host refuses an old leader: databases and proxies."""
        return bool({WITNESS, PROXY} & set(self.roles))


def load(file: Path = FILE, drill: Path = DRILL) -> Config:
    """The configuration, with what a drill asks for where the inventory allows drills. Raises Invalid."""
    found = _read(file)
    if drill.exists():
        extra = _read(drill)
        if not found.get("chaos_allowed"):
            raise Invalid(f"{drill} exists, and the inventory does not set chaos_allowed: delete it")
        if unknown := sorted(extra.keys() - set(UNSAFE)):
            raise Invalid(f"{drill} has the unknown key {unknown[0]!r}: the known ones are {', '.join(UNSAFE)}")
        found |= extra | {"drilled": True}
    return _checked(file, found)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise Invalid(f"{file} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise Invalid(f"{file} is no dictionary")
    return found


def _fixed(value: Any) -> Any:
    """Lists as tuples, in dictionaries, too."""
    if isinstance(value, dict):
        return {key: _fixed(one) for key, one in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _checked(file: Path, found: dict[str, Any]) -> Config:
    known = {one.name for one in fields(Config)}
    try:
        values: dict[str, Any] = {key: _fixed(value) for key, value in found.items() if key in known}
        config = Config(**values)
    except TypeError as error:
        raise Invalid(f"{file}: {error}") from None
    wrong = {
        "mode": config.mode not in MODES,
        "roles": not config.roles or bool(set(config.roles) - {JUDGE, WITNESS, PROXY}),
        "judges": len(config.judges) < 3,
        "misses": not 2 <= config.misses <= 50,
        "interval_ms": not 50 <= config.interval_ms <= 5000,
        "die_after": config.die_after not in MOMENTS,
        "without_refusal": config.without_refusal and not config.chaos_allowed,
        "power": bool(config.power) and set(config.power) != {"status", "off"},
    }
    wrong["power"] |= config.mode == "power" and config.is_judge and not config.power
    for key, refused in wrong.items():
        if refused:
            raise Invalid(f"{file}: the value of {key} cannot be used")
    if config.die_after and not config.chaos_allowed:
        raise Invalid(f"{file}: die_after needs chaos_allowed")
    return config
