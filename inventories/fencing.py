"""Which hosts take part in fenced failover, and how: docs/fencing.md."""

from collections.abc import Mapping, Sequence
from typing import Any

from firedrill.inventories.read import Host

OFF, QUORUM, POWER = "off", "quorum", "power"
MODES = (OFF, QUORUM, POWER)
# The part of each role; of one host's parts the first gives it its user in etcd.
PARTS = {"etcd": "judge", "postgres": "witness", "proxy": "proxy"}
LEAST_JUDGES = 3
# Of the certificates and their files on a host.
CERTIFICATE = "fence"
UNIT = "firedrill-fence"


def mode(hosts: Sequence[Host]) -> str:
    """Of the cluster: the data of its first host, as for all settings that hosts share."""
    return str(hosts[0].data["fence"]) if hosts else OFF


def enabled(hosts: Sequence[Host]) -> bool:
    return mode(hosts) != OFF


def parts(host: Host) -> tuple[str, ...]:
    """The parts that a host would have."""
    return tuple(part for role, part in PARTS.items() if role in host.roles)


def enforces(host: Host) -> bool:
    """Whether a host would refuse an old leader, for which it needs nftables."""
    return bool({"witness", "proxy"} & set(parts(host)))


def prefix(data: Mapping[str, Any]) -> str:
    """Of the agents' keys in etcd."""
    return f"/fence/{data['cluster']}/"
