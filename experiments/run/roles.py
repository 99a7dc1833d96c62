"""The leader and the replicas when a run began: what targets such as `initial_leader` name."""

from collections.abc import Collection

from firedrill.cluster.system import View


def initial(view: View, unwatched: Collection[str] = ()) -> dict[str, str]:
    """The hosts that `initial_leader`, `initial_replica:1` and so on name in a run that begins now.

    None of them is a member that the inventory leaves out.
    """
    replicas = [name for name in view.replicas if name not in unwatched]
    found = {f"initial_replica:{number}": name for number, name in enumerate(replicas, 1)}
    return found | ({"initial_leader": view.leader.name} if view.leader else {})


def named(target: str, initial: dict[str, str]) -> str:
    """A target with the initial roles in it replaced by host names."""
    return ",".join(initial.get(part, part) for part in target.split(","))
