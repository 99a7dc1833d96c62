"""What every drill expects, whatever else it is about."""

from experiments.model import Expect

SAFE = (
    Expect("no acknowledged write is lost", "lost", "==", 0),
    Expect("never two primaries", "dual_primary_ms", "==", 0),
    Expect("no timeline forks", "diverged", "==", 0),
    Expect("the cluster is whole again", "steady_after", "is", True),
)
STAYS = Expect("the leader stays", "leader_changes", "==", 0)
