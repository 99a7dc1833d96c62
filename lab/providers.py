"""The table of providers: the kinds of local hosts. All that differs between kinds is behind these functions.

A provider is a module with these functions:

    disk_of(guest)                  the file that is the host's disk; exists once the host was created
    prepare(guests, image, tell)    create what these hosts boot from, if it is missing
    boot(guest, image, key)         start the host, supervised over its own reboots; return before it is up
    init(guest)                     the process whose end is the end of the host, or None when the host is off
    poweroff(guest)                 request an orderly poweroff; return immediately
    silence(guest, silent=)         stop or restart all its traffic
    unplug(guest)                   disconnect it from the network before its power is cut
    host_key(guest)                 its public SSH key
    clear(lab, name)                remove what a host that is off leaves outside its folder
"""

from types import ModuleType

from firedrill.inventories.errors import Problem
from firedrill.lab import nspawn, uml
from firedrill.lab.guest import Guest

PROVIDERS: dict[str, ModuleType] = {"nspawn": nspawn, "uml": uml}


def of(guest: Guest) -> ModuleType:
    """The provider that the inventory names for this host."""
    if guest.provider not in PROVIDERS:
        raise Problem(
            f"{guest.name} has the unknown provider {guest.provider!r}", f"the providers are {', '.join(PROVIDERS)}"
        )
    return PROVIDERS[guest.provider]


def group(guests: list[Guest]) -> dict[str, list[Guest]]:
    """The guests by the name of their provider."""
    return {name: mine for name in PROVIDERS if (mine := [guest for guest in guests if guest.provider == name])}
