"""A controller to be killed: `controller.py INVENTORY '[["drop", {"peers": "etcd2"}, "etcd1", 5], ...]' [STEP]`.

It prints each fault that it has injected, and `done`. With a STEP it stops there instead, prints `at STEP`, and waits.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from firedrill.faults import deadman, engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.on_host import OnHost, Waiting
from firedrill.faults.power.press import Press
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

# What each step is the end of. `deadman` is of faults that the host cannot heal itself, `armed` of the others.
STEPS: dict[str, tuple[tuple[Any, str], ...]] = {
    "deadman": ((deadman, "start"),),
    "recorded": ((ledger, "write"),),
    "armed": ((OnHost, "arm"),),
    "ready": ((Waiting, "__init__"), (Press, "__init__")),
    "injected": ((Waiting, "done"), (Press, "done")),
}


def stop_after(owner: Any, name: str, step: str) -> None:
    """Have a function never return: what it does is done by then."""
    real: Callable[..., Any] = getattr(owner, name)

    def then_wait(*words: Any, **more: Any) -> None:
        real(*words, **more)
        print(f"at {step}", flush=True)
        time.sleep(600)

    setattr(owner, name, then_wait)


def tell(entry: ledger.Entry, phase: str, detail: str, t: int | None) -> None:
    if phase == sys.argv[-1]:
        print(f"at {phase}", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    ways = Access(read(sys.argv[1]), Secrets())
    print("read", flush=True)
    for owner, name in STEPS.get(sys.argv[-1], ()):
        stop_after(owner, name, sys.argv[-1])
    for name, options, spec, limit_s in json.loads(sys.argv[2]):
        plan = engine.plan(FAULTS[name](**options), spec, ways, limit_s=limit_s, max_hosts=3, allow_quorum_loss=True)
        engine.inject(plan, ways, tell)
        print(name, flush=True)
    print("done", flush=True)
    time.sleep(600)
