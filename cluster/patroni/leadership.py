"""The observer `leadership`: Patroni's keys in etcd as they change, by a watch on one member, then on the next."""

import asyncio
import itertools
import threading
from collections.abc import Sequence

from firedrill.cluster import etcd, names
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.cluster.patroni import answers, mode, rest
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint

HEARTBEAT_S = 1.0
DEADLINE_S = 1.0
PAUSE_S = 0.1


async def observe(access: Access, write: Write) -> None:
    """Watch until cancelled. The client is a blocking one, so it has a thread."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(_watch, access, write, stop)
    finally:
        stop.set()


def _watch(access: Access, write: Write, stop: threading.Event) -> None:
    """Member after member; each watch continues from the last revision seen, so that no change is missed."""
    seen, keys = 0, Keys(access, write)
    for endpoint in itertools.cycle(access.etcd):
        if stop.is_set():
            return
        try:
            with etcd.client(endpoint, DEADLINE_S) as client:
                seen = seen or _snapshot(client, access, keys)
                watch = etcd.Watch(client, access.patroni_prefix, seen + 1)
                heartbeat = threading.Thread(target=_heartbeat, args=(client, endpoint, watch, write, stop))
                heartbeat.start()
                try:
                    for change in watch:
                        keys.changed(change, "delete" if change.value is None else "put")
                        seen = max(seen, change.revision)
                finally:
                    watch.cancel()
                    heartbeat.join()
        except etcd.ERRORS as error:
            if not stop.is_set():
                _failed(endpoint, error, write)
            stop.wait(PAUSE_S)


def _failed(endpoint: Endpoint, error: Exception, write: Write) -> None:
    """No member reachable is an observation, too. Of one that keeps us out nothing is known: that is a gap."""
    cause = etcd.cause(error, endpoint)
    if etcd.kept_out(error):
        write(UNOBSERVED, error=f"{endpoint.place}: {cause}")
    else:
        write("unreachable", endpoint=endpoint.place, error=cause)


def _heartbeat(client: etcd.Client, endpoint: Endpoint, watch: etcd.Watch, write: Write, stop: threading.Event) -> None:
    """Record that the watch is active while its member answers; cancel it when the member stops, or we do."""
    try:
        while watch.active and not stop.wait(HEARTBEAT_S):
            client.status()
            write("alive", endpoint=endpoint.place)
    except etcd.ERRORS:
        return
    finally:
        watch.cancel()


def _snapshot(client: etcd.Client, access: Access, keys: "Keys") -> int:
    revision = 0
    for value, meta in client.get_prefix(access.patroni_prefix):
        key, text = (raw.decode(errors="replace") for raw in (meta.key, value))
        keys.changed(etcd.Change(key, text, meta.mod_revision), "snapshot")
        revision = int(meta.response_header.revision)
    return revision


class Keys:
    """Turns changes of Patroni's keys into events: who leads, in which timeline, who is a sync standby, who is there.

    Each key is recorded as evidence, too. A new leader's timeline is known only once its own key reports it as primary:
    its leadership is then recorded again.
    """

    def __init__(self, access: Access, write: Write) -> None:
        self._access = access
        self._write = write
        self._holder: str | None = None
        self._epoch: int | None = None
        self._timelines: dict[str, int] = {}  # of members that report themselves as primary
        self._members: dict[str, bool] = {}  # every member, and whether it may lead
        self._modes: tuple[str, ...] = ()
        self._state: tuple[list[str], list[str], list[str]] = ([], [], [])

    def changed(self, change: etcd.Change, action: str) -> None:
        key = change.key.removeprefix(self._access.patroni_prefix)
        value = names.host_of(self._access, change.value) if key == "leader" and change.value else change.value
        self._write("key", key=key, action=action, value=value, revision=change.revision)
        if key == "leader":
            self._holder = value
            self._lead()
        elif key == "sync":
            self._write("sync", standbys=self._standbys(value))
        elif key == "config":
            self._modes = mode.of_configuration(answers.object_in(value))
            self._cluster()
        elif key.startswith("members/"):
            self._member(names.host_of(self._access, key.removeprefix("members/")), value)

    def _lead(self) -> None:
        self._epoch = self._timelines.get(self._holder or "")
        self._write("leadership", holder=self._holder, epoch=self._epoch)

    def _cluster(self) -> None:
        """Who is a member, who of them may not lead, and the cluster's mode: once for each change."""
        cannot_lead = [name for name, may in self._members.items() if not may]
        state = (sorted(self._members), sorted(cannot_lead), list(self._modes))
        if state != self._state:
            self._state = state
            self._write("cluster", members=state[0], cannot_lead=state[1], modes=state[2])

    def _member(self, name: str, value: str | None) -> None:
        member = answers.object_in(value)
        if value is None:
            self._members.pop(name, None)
        else:
            self._members[name] = mode.may_lead(member.get("tags"))
        self._cluster()
        timeline, role = answers.integer(member.get("timeline")), answers.text(member.get("role"))
        if role in rest.PRIMARY_ROLES and member.get("state") == "running" and timeline is not None:
            self._timelines[name] = timeline
        else:
            self._timelines.pop(name, None)
        if name == self._holder and self._timelines.get(name, self._epoch) != self._epoch:
            self._lead()

    def _standbys(self, value: str | None) -> list[str]:
        """Patroni writes their names as one text, separated by commas."""
        listed = answers.text(answers.object_in(value).get("sync_standby"))
        found = listed.split(",") if listed else []
        return [names.host_of(self._access, name.strip()) for name in found if name.strip()]


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """A watch must be active, and below the prefix there must be a leader."""
    holder = next((event["holder"] for event in events if event["kind"] == "leadership"), None)
    alive = [event["endpoint"] for event in events if event["kind"] == "alive"]
    if not access.etcd:
        return False, "no host has the role etcd"
    if not alive:
        refused = [f"{event['endpoint']}: {event['error']}" for event in events if event["kind"] == "unreachable"]
        return False, "no member allows a watch" + (f" ({refused[-1]})" if refused else "")
    if holder is None:
        return False, f"no leader key below {access.patroni_prefix}: are `cluster` and `patroni_namespace` right?"
    return True, f"{holder} holds the leader key, according to {alive[-1]}"


OBSERVER = Observer(
    name="leadership",
    interval_ms=1000,
    observe=observe,
    needed_for="detect, promote: every verdict",
    found=found,
)
