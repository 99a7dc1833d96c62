"""The keys that an inventory may set: those of group_data/all.py and OPTIONAL. A typo in one must not pass unnoticed.

Users of pyinfra keep their own keys in the same data, so a top-level key is refused only if it resembles a known one.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firedrill.inventories import monitoring_values, secrets, sources, values
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.values import refuse_unknown

# How similar a key must be to a known one to be taken for a typo of it (difflib's ratio): `patroni_tsl` has 0.91.
TYPO = 0.8
# Keys without a default; docs/own-machines.md explains them. What begins with `ssh_` is for pyinfra's SSH connector.
SSH = (
    "ssh_hostname", "ssh_port", "ssh_user", "ssh_key", "ssh_key_password", "ssh_password", "ssh_known_hosts_file",
    "ssh_allow_agent", "ssh_look_for_keys", "ssh_forward_agent", "ssh_config_file", "ssh_strict_host_key_checking",
    "ssh_paramiko_connect_kwargs", "ssh_connect_retries", "ssh_connect_retry_min_delay", "ssh_connect_retry_max_delay",
    "ssh_file_transfer_protocol",
)  # fmt: skip
FAKE = ("fake_delay", "fake_delay_jitter", "fake_responses")
OPTIONAL = (
    *SSH, *FAKE, "sudo", "system", "vip", "chaos_allowed", "power", "lab", "provider", "patroni_name", "timings",
    "unobserved", "data_disk",
)  # fmt: skip
# The entries of a key whose value is a dictionary with fixed entries.
ENTRIES: dict[str, tuple[str, ...]] = {
    "lab": ("name", "provider", "bridge", "address", "release"),
    "data_disk": ("path", "gib"),
    "power": ("power_on", "power_off", "pause", "resume"),
    **dict.fromkeys(values.TLS_KEYS, ("ca", "cert", "key")),
    "certificates": ("ca", "cert", "key"),
    # Single values on top of the profile. Of an existing cluster: Patroni's, where Patroni does not set them, and the
    # proxies'.
    "timings": (
        "ttl", "loop_wait", "retry_timeout", "primary_start_timeout", "safety_margin", "synchronous_mode",
        "failsafe_mode", "maximum_lag_on_failover", "wal_sender_timeout", "wal_receiver_timeout",
        "inter", "downinter", "fastinter", "rise", "fall", "etcd_election",
    ),
}  # fmt: skip
# Keys whose entries are those of their default in group_data/all.py.
LIKE_DEFAULT = (
    "group_replication",
    "ports",
    "credentials",
    "haproxy_backends",
    "units",
    "watchdog",
    "packages",
    "exporter_packages",
    "deadlines",
)
CREDENTIAL = ("user", "secret", *sources.KINDS)
SUDO = (*sources.KINDS, "password_prompt")


def check(path: Path, host: str, data: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse typos, wrong values and unknown entries in a host's data. Raises InventoryProblem."""
    where = f"{host} in {path}"
    known = defaults.keys() | set(OPTIONAL)
    values.check(where, data)
    typos = [key for key in data if key not in known and difflib.get_close_matches(key, known, 1, TYPO)]
    refuse_unknown(where, typos, known)
    entries = ENTRIES | {key: tuple(defaults[key]) for key in LIKE_DEFAULT}
    for key, names in entries.items():
        refuse_unknown(f"{key} of {where}", data.get(key) or {}, names)
    values.check_timings(f"timings of {where}", data.get("timings", {}))
    for name, credential in data["credentials"].items():
        refuse_unknown(f"credentials[{name!r}] of {where}", credential or {}, CREDENTIAL)
        if credential is not None and "user" not in credential:
            raise InventoryProblem(
                f"credentials[{name!r}] of {where} has no user", "name the `user`, or give None if none is needed"
            )
    if isinstance(data.get("sudo"), Mapping):
        refuse_unknown(f"sudo of {where}", data["sudo"], SUDO)
    refuse_unknown(f"secrets of {where}", data["secrets"], (*secrets.NAMES, secrets.ALL))
    for name, entry in data["secrets"].items():
        refuse_unknown(f"secrets[{name!r}] of {where}", entry, sources.KINDS)
    for name, profile in data["profiles"].items():
        refuse_unknown(f"profiles[{name!r}] of {where}", profile, defaults["profiles"]["default"])
        values.check_timings(f"profiles[{name!r}] of {where}", profile)
    values.check_profile(where, data)
    monitoring_values.check(where, data)
