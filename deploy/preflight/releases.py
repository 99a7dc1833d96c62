"""Which versions of packages do not work together."""

import re
from collections.abc import Sequence

from firedrill.deploy.preflight.seen import Findings, Seen, finding

# From these versions on, etcd answers what Patroni before 4.1.1 asks without a login only to users: its members, and
# the renewal of a lease. The first one of each series of etcd; later series have it, too.
REFUSES = {(3, 4): (3, 4, 42), (3, 5): (3, 5, 28), (3, 6): (3, 6, 9)}
LOGS_IN = (4, 1, 1)
NUMBERS = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def etcd_for_patroni(all_seen: Sequence[Seen]) -> Findings:
    """With TLS, etcd has users: an older Patroni could not renew its leader key there."""
    old = [f"{version} on {seen.host.name}" for seen, version in _versions(all_seen, "patroni") if version < LOGS_IN]
    for seen, version in _versions(all_seen, "etcd"):
        if old and seen.host.data["tls"] and version >= REFUSES.get(version[:2], (3, 6, 9)):
            least, before = Version(LOGS_IN), Version(REFUSES.get(version[:2], (3, 5, 28)))
            yield finding(
                seen,
                "versions",
                f"etcd {version} locks out Patroni before {least} when it has users (found {', '.join(old)})",
                f"install patroni {least} or later, or an etcd-server before {before}",
            )


class Version(tuple[int, int, int]):
    """A version as three numbers."""

    __slots__ = ()

    def __str__(self) -> str:
        return ".".join(map(str, self))


def _versions(all_seen: Sequence[Seen], name: str) -> list[tuple[Seen, Version]]:
    """The version of a package on the hosts that have it, or will get it."""
    found = [(seen, NUMBERS.search(seen.found["reported"].get(name, ""))) for seen in all_seen]
    return [(seen, Version(map(int, number.groups()))) for seen, number in found if number]
