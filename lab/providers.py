"""The table of providers: the ways to make a host on this machine. The lab knows of no other difference.

A provider is a module with these functions:

    disk_of(guest)                  the file that is the host's disk, there once the host was made
    prepare(guests, image, tell)    make what these hosts boot from; done already: at once
    boot(guest, image, key)         start the host, supervised over its own reboots; return before it is up
    init(guest)                     the process whose death is the host's, or None when it is off
    poweroff(guest)                 ask for an orderly poweroff; return at once
    silence(guest, silent=)         stop, or restart, all its traffic
    unplug(guest)                   take it off the network for good: it is about to be cut
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
