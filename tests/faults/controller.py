"""A controller to be killed: `controller.py INVENTORY '[["drop", {"peers": "etcd2"}, "etcd1", 5], ...]'`."""

import json
import sys
import time

from firedrill.faults import engine
from firedrill.faults.catalogue import FAULTS
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

if __name__ == "__main__":
    ways = Access(read(sys.argv[1]), Secrets())
    print("read", flush=True)
    for name, options, spec, limit_s in json.loads(sys.argv[2]):
        plan = engine.plan(FAULTS[name](**options), spec, ways, limit_s=limit_s, max_hosts=3, allow_quorum_loss=True)
        engine.inject(plan, ways, lambda *said: None)
        print(name, flush=True)
    print("done", flush=True)
    time.sleep(600)
