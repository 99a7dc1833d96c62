"""Connection pools to MySQL that survive a failover. Debian has none that checks what it hands out."""

import random
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT

from .mysql import Error, rows

NAME = "weather"
CONNECT_S = 2
# Of an answer: shorter than nginx waits for the app's. A primary without a majority answers nothing.
ANSWER_S = 10
# As PostgreSQL's: milliseconds until unacknowledged data ends the connection, and a peer that is silent for 4 s.
TCP = {
    socket.TCP_NODELAY: 1,
    socket.TCP_USER_TIMEOUT: 2000,
    socket.TCP_KEEPIDLE: 2,
    socket.TCP_KEEPINTVL: 1,
    socket.TCP_KEEPCNT: 2,
}
PAUSE_S = 0.1


class MySQLPool:
    """At most `size` connections. Each is checked when it is taken: one that a failover broke is replaced.

    A request waits up to `timeout` seconds for a connection. One that ended with an error is closed.
    """

    def __init__(self, connect: Callable[[], Any], check: Callable[[Any], None], *, size: int, timeout: float) -> None:
        self._connect = connect
        self._check = check
        self._timeout = timeout
        self._slots = threading.Semaphore(size)
        self._free: deque[Any] = deque()

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Any]:
        """A connection that passed the check. Raises Error."""
        wait_s = self._timeout if timeout is None else timeout
        deadline = monotonic() + wait_s
        if not self._slots.acquire(timeout=wait_s):
            raise pymysql.OperationalError(2003, f"no connection was free within {wait_s:g} s")
        try:
            connection = self._checked(deadline)
            try:
                yield connection
            except BaseException:
                close(connection)
                raise
            self._free.append(connection)
        finally:
            self._slots.release()

    def _checked(self, deadline: float) -> Any:
        while True:
            try:
                return self._one()
            except Error:
                if monotonic() + PAUSE_S > deadline:
                    raise
                sleep(PAUSE_S)

    def _one(self) -> Any:
        """A free connection that passes the check, else a new one. Raises Error."""
        while self._free:
            connection = self._free.pop()
            try:
                self._check(connection)
            except Error:
                close(connection)
            else:
                return connection
        connection = self._connect()
        try:
            self._check(connection)
        except Error:
            close(connection)
            raise
        return connection


def close(connection: Any) -> None:
    """Close it, unless an error has done so."""
    if connection.open:
        connection.close()


class VerifiedConnection(Connection):
    """A connection that sends no password to a server without TLS. PyMySQL takes care of that itself only from 1.2."""

    def _request_authentication(self) -> None:
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            raise pymysql.OperationalError(2026, "the server offers no TLS")
        super()._request_authentication()


def check_alive(connection: Any) -> None:
    """Refuse a server that does not answer. Raises Error."""
    connection.ping(reconnect=False)


def check_writable(connection: Any) -> None:
    """Refuse a server that is no longer the primary: its old connections survive for a moment. Raises Error."""
    if rows(connection, "SELECT @@super_read_only", ()) != [(0,)]:
        raise pymysql.OperationalError(1290, "the server is no longer the primary")


def pool(settings: Mapping[str, str], purpose: str) -> MySQLPool:
    """The pool for `write` or `read`, through the proxies. It opens even if the database is not available."""
    hosts, port = settings["WEATHER_HOST"].split(","), int(settings[f"WEATHER_{purpose.upper()}_PORT"])
    ca = settings.get("WEATHER_CA")
    context = ssl.create_default_context(cafile=ca) if ca else None
    return MySQLPool(
        connect=partial(_connect, hosts, port, settings["WEATHER_PASSWORD"], context),
        check=check_writable if purpose == "write" else check_alive,
        size=6,
        timeout=2,
    )


def _connect(hosts: Sequence[str], port: int, password: str, context: ssl.SSLContext | None) -> Connection:
    """A connection to any of the proxies. Raises Error."""
    *others, last = random.sample(hosts, len(hosts))
    for host in others:
        try:
            return _connect_to(host, port, password, context)
        except Error:
            continue
    return _connect_to(last, port, password, context)


def _connect_to(host: str, port: int, password: str, context: ssl.SSLContext | None) -> Connection:
    connection = VerifiedConnection(
        host=host,
        port=port,
        user=NAME,
        password=password,
        database=NAME,
        # One statement is one transaction, so that a single answer determines its outcome.
        autocommit=True,
        read_timeout=ANSWER_S,
        write_timeout=ANSWER_S,
        ssl=context,
        defer_connect=True,
    )
    connection.connect(_socket(host, port))
    return connection


def _socket(host: str, port: int) -> socket.socket:
    """A TCP connection that ends soon after its peer vanished: a host without power sends no reset. Raises Error."""
    try:
        found = socket.create_connection((host, port), timeout=CONNECT_S)
    except OSError as error:
        raise pymysql.OperationalError(2003, f"no connection to {host}:{port} ({error})") from None
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in TCP.items():
        found.setsockopt(socket.IPPROTO_TCP, option, value)
    return found
