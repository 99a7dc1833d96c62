"""Who the cluster says is in it, compared with the inventory: nobody watches a member that the inventory leaves out."""

from collections.abc import Iterable
from dataclasses import dataclass

from firedrill.cluster.system import View
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access


@dataclass(frozen=True)
class Membership:
    """Members by inventory names, or by their own where the inventory lists none of that name.

    `unwatched` are databases that the inventory leaves out, `cannot_lead` those of all databases that never lead,
    `coordinators` members of the coordinator that it leaves out.
    """

    unwatched: tuple[str, ...] = ()
    cannot_lead: tuple[str, ...] = ()
    coordinators: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What the difference means, one sentence for each member."""
        return [
            *(
                f"{name} is a member of the cluster and not in the inventory: "
                + ("it is not watched, but it never leads" if name in self.cannot_lead else UNWATCHED)
                for name in self.unwatched
            ),
            *(
                f"{name} is a member of the coordinator and not in the inventory: the quorum guard does not count it"
                for name in self.coordinators
            ),
        ]


UNWATCHED = "it is not watched, so two primaries, forks and lost writes cannot be ruled out"


def of(access: Access, view: View) -> Membership:
    """The members of this view, and the coordinator's own members."""
    system = system_of(access.inventory)
    role = system.coordinator_role
    found = _left_out(access, role, system.coordinators(access)) if role else ()
    return Membership(unwatched(access, view), cannot_lead(view), found)


def unwatched(access: Access, view: View) -> tuple[str, ...]:
    """The databases of this view that the inventory leaves out."""
    return _left_out(access, system_of(access.inventory).database_role, (member.name for member in view.members))


def cannot_lead(view: View) -> tuple[str, ...]:
    return tuple(member.name for member in view.members if not member.can_lead)


def _left_out(access: Access, role: str, names: Iterable[str]) -> tuple[str, ...]:
    listed = {host.name for host in access.inventory.role(role)}
    return tuple(sorted(set(names) - listed))
