"""What the inventory key `monitoring` may be: the servers of an existing monitoring system.

No value is shown in a message: a URL may hold a password.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from firedrill.inventories import sources, values
from firedrill.inventories.errors import InventoryProblem

GROUP = "monitor"
PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
EXAMPLE = '{"prometheus": {"url": "https://prometheus.example:9090"}, "alertmanagers": [{"url": "https://..."}]}'
ENTRIES = ("prometheus", "alertmanagers", "add_receiver", "webhook", "names")
SERVER = ("url", "user", "ca", *sources.KINDS)


def check(where: str, data: Mapping[str, Any]) -> None:
    """Refuse a wrong `monitoring` of a host's data. Raises InventoryProblem; no value that may be secret is shown."""
    known, where = data["monitoring"], f"monitoring of {where}"
    if known is None:
        return
    if not isinstance(known, Mapping):
        raise InventoryProblem(f"{where} is not a dictionary", f"write {EXAMPLE}, or None")
    values.refuse_unknown(where, known, ENTRIES)
    servers = known.get("alertmanagers")
    if "prometheus" not in known or not isinstance(servers, list | tuple) or not servers:
        raise InventoryProblem(f"{where} lacks a prometheus, or a list of alertmanagers", f"write {EXAMPLE}")
    for name, entry in (("prometheus", known["prometheus"]), *(("alertmanagers", entry) for entry in servers)):
        _check_server(f"{name} of {where}", entry, tls=data["tls"])
    _check_names(where, known.get("names", {}))
    _check_receiver(where, known)


def _check_server(where: str, entry: Any, *, tls: bool) -> None:
    if not values.SOURCE.holds(entry) or "url" not in entry:
        raise InventoryProblem(f"{where} is not a dictionary of texts with a `url`", f"write {EXAMPLE}")
    values.refuse_unknown(where, entry, SERVER)
    parts = _parsed(where, entry["url"])
    if parts.scheme == "http" and tls:
        raise InventoryProblem(
            f"{where} has the URL http://{parts.netloc}: plain text, and `tls` is on",
            "give the https URL with the `ca` that signed its certificate, or set `tls` to False",
        )
    if parts.scheme == "http" and "ca" in entry:
        raise InventoryProblem(f"{where} has a `ca` and an http URL", "give an https URL, or leave out `ca`")
    if ("user" in entry) != any(kind in entry for kind in sources.KINDS):
        raise InventoryProblem(
            f"{where} has only one of user and password", f"give it `user` and one of {', '.join(sources.KINDS)}"
        )


def _parsed(where: str, text: str) -> SplitResult:
    """The parts of an http or https URL without user, query and fragment. Raises InventoryProblem."""
    try:
        parts = urlsplit(text)
        valid = (
            parts.scheme in ("http", "https")
            and values.ADDRESSED.holds(parts.hostname or "")
            and parts.port != 0
            and not (parts.username or parts.password or parts.query or parts.fragment)
            and PATH.fullmatch(parts.path)
        )
    except ValueError:  # a port that is none, half an IPv6 address
        valid = None
    if not valid:  # not shown: it may hold a password
        raise InventoryProblem(
            f"{where} has a wrong URL", "write scheme, host, port and path alone: https://prometheus.example:9090/path"
        )
    return parts


def _check_names(where: str, names: Any) -> None:
    if not isinstance(names, Mapping) or not all(
        values.TEXT.holds(ours) and (theirs is None or values.TEXT.holds(theirs)) for ours, theirs in names.items()
    ):
        raise InventoryProblem(f"{where} has wrong names", 'give `names` as {"NoLeader": "DatabaseHasNoLeader"}')


def _check_receiver(where: str, known: Mapping[str, Any]) -> None:
    """`add_receiver` needs the token that the notifications carry."""
    allowed, webhook = known.get("add_receiver", False), known.get("webhook", {})
    if not isinstance(allowed, bool):
        raise InventoryProblem(f"{where} has a wrong add_receiver", "set it to True or False")
    if not values.SOURCE.holds(webhook):
        raise InventoryProblem(f"{where} has a wrong webhook", f"give `webhook` one of {', '.join(sources.KINDS)}")
    values.refuse_unknown(f"webhook of {where}", webhook, sources.KINDS)
    if allowed != bool(webhook):
        raise InventoryProblem(
            f"{where} has only one of add_receiver and webhook",
            "set add_receiver to True, and `webhook` to the source of the bearer token that its receiver sends",
        )


def check_group(where: str, data: Mapping[str, Any], *, has_hosts: bool) -> None:
    """Refuse two monitorings, and an `add_receiver` without hosts to receive on. Raises InventoryProblem."""
    known = data["monitoring"]
    if not known:
        return
    receives = known.get("add_receiver", False)
    if has_hosts and not receives:
        raise InventoryProblem(
            f"{where} has `monitoring` and hosts in the group {GROUP}",
            f"leave out one of them; hosts of your Alertmanagers are in the group {GROUP} with add_receiver alone",
        )
    if has_hosts and not data["foreign"]:
        raise InventoryProblem(
            f"{where} has `monitoring` and hosts in the group {GROUP}, on which a deploy would install monitoring",
            "use another inventory for the drills, with `foreign` set to True",
        )
    if receives and not has_hosts:
        raise InventoryProblem(
            f"`monitoring` of {where} has add_receiver, and no host is in the group {GROUP}",
            f"add the hosts of your Alertmanagers, as SSH reaches them, to the group {GROUP}",
        )
