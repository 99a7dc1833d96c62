"""etcd's JSON gateway: the members in turn, one connection, a login that is renewed when etcd no longer knows it."""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 0.7
WATCH_S = 30.0
NOT_LOGGED_IN = 16  # of gRPC: the token is unknown, such as after a restart of the member
TLS = "/etc/firedrill/tls"


class Unavailable(Exception):
    """No member answers in time; the text is why the last one did not."""


class Denied(Exception):
    """etcd refuses the request; the text is its answer."""


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decoded(text: str) -> str:
    return base64.b64decode(text).decode(errors="replace")


def after(prefix: str) -> str:
    """The end of the range of all keys with this prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def context(folder: str = TLS) -> ssl.SSLContext:
    """Verifies etcd's certificate, and shows the agent's own."""
    made = ssl.create_default_context(cafile=f"{folder}/ca.crt")
    made.load_cert_chain(f"{folder}/fence.crt", f"{folder}/fence.key")
    return made


class Gateway:
    """One client of etcd. Not shared by threads. `tls` None: plain text, as the cluster was deployed."""

    def __init__(
        self,
        urls: Sequence[str],
        tls: ssl.SSLContext | None,
        login: tuple[str, str] | None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._urls, self._tls, self._login, self._timeout_s = list(urls), tls, login, timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._token: str | None = None

    def call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of the first member that gives one. Raises Unavailable, Denied."""
        last = ""
        for _ in self._urls:
            try:
                return self._logged_in(path, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                last = f"{self._urls[0]}: {error or type(error).__name__}"
                self._next()
        raise Unavailable(last)

    def watch(self, prefix: str) -> Iterator[None]:
        """An element for each change below a prefix; ends when the member stops telling. Raises as call does."""
        body = {"create_request": {"key": encoded(prefix), "range_end": encoded(after(prefix))}}
        self._authenticated()
        connection = self._connect(WATCH_S)
        try:
            connection.request("POST", "/v3/watch", json.dumps(body), self._headers())
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                self._token = None
                raise Denied(f"watch: HTTP status {answer.status}")
            while line := answer.readline():
                if json.loads(line).get("result", {}).get("canceled"):
                    self._token = None
                    raise Denied("watch: etcd has ended it")
                yield
        except TimeoutError:
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._next()
            raise Unavailable(f"watch: {error or type(error).__name__}") from None
        finally:
            connection.close()

    def _logged_in(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._authenticated()
        status, found = self._request(path, body)
        if self._login and found.get("code") == NOT_LOGGED_IN:
            self._token = None
            self._authenticated()
            status, found = self._request(path, body)
        if status == http.client.OK:
            return found
        said = str(found.get("message") or found.get("error") or f"HTTP status {status}")
        if status >= http.client.INTERNAL_SERVER_ERROR:  # no leader, or this member is cut off
            raise OSError(said)
        raise Denied(f"{path}: {said}")

    def _authenticated(self) -> None:
        if self._login is None or self._token is not None:
            return
        name, password = self._login
        status, found = self._request("auth/authenticate", {"name": name, "password": password})
        if status == http.client.OK:
            self._token = str(found["token"])
        elif status >= http.client.INTERNAL_SERVER_ERROR:
            raise OSError(str(found.get("message")))
        else:
            raise Denied(f"login of {name}: {found.get('message') or found.get('error') or status}")

    def _request(self, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if self._connection is None:
            self._connection = self._connect(self._timeout_s)
        try:
            self._connection.request("POST", f"/v3/{path}", json.dumps(body), self._headers())
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        found = json.loads(text or b"{}")
        return answer.status, found if isinstance(found, dict) else {}

    def _headers(self) -> dict[str, str]:
        return {"Authorization": self._token} if self._token else {}

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        place = urlsplit(self._urls[0])
        assert place.hostname is not None
        if self._tls is None:
            made = http.client.HTTPConnection(place.hostname, place.port, timeout=timeout_s)
        else:
            made = http.client.HTTPSConnection(place.hostname, place.port, timeout=timeout_s, context=self._tls)
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _next(self) -> None:
        """The next member: one that does not answer is asked last."""
        self.close()
        self._urls.append(self._urls.pop(0))

    def close(self) -> None:
        """End the connection; the next call makes another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
