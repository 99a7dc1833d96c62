"""What drills share: what every one expects, whatever else it is about, and the steps that most of them take."""

from firedrill.experiments.model import Expect, Step
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait

SAFE = (
    Expect("no acknowledged write is lost", "lost", "==", 0),
    Expect("never two primaries", "dual_primary_ms", "==", 0),
    Expect("no timeline forks", "diverged", "==", 0),
    Expect("the cluster is whole again", "steady_after", "is", True),
)
STAYS = Expect("the leader stays", "leader_changes", "==", 0)


def until_back(
    harm: Inject, *, jitter: str | None = None, writes_s: float = 60, then_s: float = 6, whole_s: float = 90
) -> tuple[Step, ...]:
    """A baseline, the harm, writes back (`writes_s` at most), the load seen to recover (`then_s`), healed and whole."""
    return (
        Wait(8, jitter),
        harm,
        UntilWrites(writes_s),
        Wait(then_s),
        Heal(),
        UntilSteady(whole_s),
        Wait(2),
    )
