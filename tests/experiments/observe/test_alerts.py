"""The observer `alerts`: what servers list, what arrives at the receiver, and what is refused there."""

import json
import socket
import threading

import pytest

from firedrill.cluster import monitoring
from firedrill.experiments.judge.contract import check_event
from firedrill.experiments.observe import alerts, receiver, webhook
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.read import Host

LABELS = {"alertname": "HostDown", "host": "db1"}
RULES = {"data": {"alerts": [{"labels": LABELS, "state": "pending", "activeAt": "2026-01-01T00:00:00Z"}]}}
SENT = [{"labels": LABELS, "status": {"state": "active"}, "startsAt": "x", "receivers": [{"name": "pager"}]}]
MESSAGE = {"version": "4", "receiver": "firedrill", "alerts": [{"status": "firing", "labels": LABELS, "startsAt": "x"}]}


def of(answer: object) -> bytes:
    return json.dumps(answer).encode()


def test_what_servers_list():
    (rule,), (sent,) = monitoring.rules_in(of(RULES)), monitoring.sent_in(of(SENT))
    assert (rule.name, rule.labels, rule.state, rule.since) == ("HostDown", LABELS, "pending", "2026-01-01T00:00:00Z")
    assert (sent.name, sent.state, sent.receivers) == ("HostDown", "active", ("pager",))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"data": []}', b'{"data": {"alerts": [{}]}}', b"[" * 100_000,
     of({"data": {"alerts": [{"labels": LABELS, "state": "odd"}]}}),
     of({"data": {"alerts": [{"labels": {"alertname": "x", "y": 5}, "state": "firing"}]}})],
)  # fmt: skip
def test_what_is_no_list_of_alerts_is_refused(body):
    with pytest.raises(ValueError, match="wanted"):
        monitoring.rules_in(body)
    if body != b"[]":
        with pytest.raises(ValueError, match="wanted"):
            monitoring.sent_in(body)


def test_changes_are_recorded_and_what_is_gone_has_ended():
    events = []

    def write(kind, *, host=None, t=None, **fields):
        events.append({"t": 1, "source": "alerts", "kind": kind, "host": host} | fields)

    polled = alerts.Polled("mon1", "rules", Endpoint("https://x"), write)
    pending = monitoring.rules_in(of(RULES))
    firing = monitoring.rules_in(of(RULES).replace(b"pending", b"firing"))
    for listed in ([], pending, pending, firing, []):
        polled.listed(listed)
    for event in events:
        check_event(event)
    assert [event["state"] for event in events if event["kind"] == "alert"] == ["pending", "firing", "ended"]
    assert {event["part"] for event in events} == {"rules"}


# -- the receiver ----------------------------------------------------------------------------------------


class Box:
    """What arrived."""

    def __init__(self) -> None:
        self.notified, self.tests, self.rejected = [], [], []
        self.inbox = webhook.Inbox("tok", self.notified.append, self.tests.append, self.rejected.append)

    def post(self, body: bytes, token: str = "tok", path: str = "/firedrill", length: str | None = None) -> int:
        """Send a message; the status of its answer."""
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=webhook.Handler, args=(theirs, ("", 0), self.inbox))
        thread.start()
        head = f"POST {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Length: {length or len(body)}\r\n\r\n"
        ours.sendall(head.encode() + body)
        status = ours.recv(4096).split()[1]
        thread.join()
        ours.close()
        theirs.close()
        return int(status)


@pytest.fixture
def box():
    return Box()


def test_a_notification_arrives(box):
    assert box.post(of(MESSAGE)) == 200
    (one,) = box.notified
    assert (one.alert, one.labels, one.status, one.receiver) == ("HostDown", LABELS, "firing", "firedrill")


def test_a_test_of_ours_is_no_notification(box):
    assert box.post(of({webhook.TEST: "nonce 1"})) == 200
    assert (box.tests, box.notified) == (["nonce 1"], [])


@pytest.mark.parametrize(
    ("body", "more", "status"),
    [
        (of(MESSAGE), {"token": "wrong"}, 401),
        (of(MESSAGE), {"token": "tokk"}, 401),
        (of({webhook.TEST: "x"}), {"token": ""}, 401),
        (of(MESSAGE), {"path": "/other"}, 400),
        (b"", {"length": "99999999"}, 413),
        (b"", {"length": "-1"}, 400),
        (b"{", {}, 400),
        (b"[" * 100_000, {}, 400),
        (of({"alerts": 5}), {}, 400),
        (of({"alerts": [{"labels": LABELS, "status": "odd"}]}), {}, 400),
        (of({"alerts": [{"labels": {"host": "db1"}, "status": "firing"}]}), {}, 400),
    ],
)
def test_what_is_none_is_refused_and_recorded(box, body, more, status):
    assert box.post(body, **more) == status
    assert (box.notified, box.tests, len(box.rejected)) == ([], [], 1)
    assert "tok" not in box.rejected[0].replace("token", "")


@pytest.mark.parametrize(
    ("arrived", "found", "listening"),
    [("n 1", 200, True), ("n 1", 500, False), ("n 2", 200, False), (None, 200, False), (None, "refused", False)],
)
def test_a_test_must_arrive_here_and_be_answered_by_us(arrived, found, listening):
    events = []
    host = Host("mon1", "192.0.2.8", ("monitor",), {"ports": {"alert_webhook": 9099}})
    one = receiver.Receiver(host, "tok", lambda kind, **fields: events.append({"kind": kind} | fields))
    if arrived:
        one._test(arrived)
    one._tested("n 1", found)
    (event,) = events
    assert (event["kind"], event["host"], event["listening"]) == ("receiver", "mon1", listening)
    assert (event["error"] is None) == listening
    check_event(event | {"t": 2**62, "source": "alerts"})


def test_the_token_is_on_no_command_line():
    assert "argv[1]" in receiver.PROGRAM
    assert "sys.stdin.readline" in receiver.PROGRAM
