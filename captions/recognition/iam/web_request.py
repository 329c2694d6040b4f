"""One small question to a web server, with limits: how long it takes, how much is read, and where it goes.

Redirections are not followed: what is asked for and what is sent are secret, and whoever answers so is not who was
meant.
"""

import asyncio
import contextlib
import email.utils
import functools
import http.client
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from captions import __version__
from captions.audio.threads import DaemonThread
from captions.errors import StreamError
from captions.plain_text import plain

LONGEST_ANSWER = 1 << 16
"""Bytes; an answer has 2 kB."""


class Unreachable(StreamError):
    """Nobody answers there at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, and what time it was by its clock; None where it did not tell."""

    status: int
    body: bytes = field(repr=False)
    now: datetime | None


async def ask(
    url: str,
    who: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    connect_seconds: float,
    seconds: float,
    through_proxy: bool,
    authority: str = "",
) -> Answer:
    """Ask, and return the answer whatever its status is. With `body` it is a POST.

    `who` answers, in words. Each step of connecting may take `connect_seconds`, all of it `seconds`. `through_proxy`
    goes through a proxy where the environment names one. The PEM file `authority` is trusted beside the usual ones.
    Raises Unreachable where nobody answers in time, StreamError (UNAVAILABLE) where somebody else than was meant does.
    """
    line = _Line(seconds)
    thread = DaemonThread("request")
    request = urllib.request.Request(url, body, {"User-Agent": f"captions/{__version__}", **headers})
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(
                thread, functools.partial(_ask, request, line, connect_seconds, through_proxy, authority)
            )
    except (OSError, http.client.HTTPException, _TooLong) as error:
        raise _unanswered(error, who, seconds) from None
    finally:
        line.cut()
        thread.shutdown()


class _TooLong(Exception):
    """An answer has more than `LONGEST_ANSWER` bytes."""


class _Line:
    """The connection of a request, so that it can be cut from another thread than the one that waits for it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changing = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def connected(self, connection: socket.socket) -> None:
        connection.settimeout(self._seconds)
        with self._changing:
            self._socket = connection
            if self._is_cut:
                raise ConnectionAbortedError("given up")

    def cut(self) -> None:
        with self._changing:
            self._is_cut = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # it is closed already
                    # TLS is passed by: the thread may be amid it.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _ask(
    request: urllib.request.Request, line: _Line, connect_seconds: float, through_proxy: bool, authority: str
) -> Answer:
    trust = None
    if request.type == "https":
        trust = ssl.create_default_context()
        if authority:
            trust.load_verify_locations(authority)
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(None if through_proxy else {}),
        _Plain(line.connected),
        _Secure(line.connected, trust),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    with opener.open(request, timeout=connect_seconds) as response:
        body = response.read(LONGEST_ANSWER + 1)
        if len(body) > LONGEST_ANSWER:
            raise _TooLong
        return Answer(response.status, body, _time(response.headers.get("Date") or ""))


def _time(date: str) -> datetime | None:
    with contextlib.suppress(ValueError):
        time = email.utils.parsedate_to_datetime(date)
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return None


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._connected = connected

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_watched, http.client.HTTPConnection, self._connected), request)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, connected: Callable[[socket.socket], None], trust: ssl.SSLContext | None) -> None:
        super().__init__()
        self._connected = connected
        self._trust = trust

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        kind = functools.partial(http.client.HTTPSConnection, context=self._trust)
        return self.do_open(functools.partial(_watched, kind, self._connected), request)


def _watched(kind: Any, connected: Callable[[socket.socket], None], *arguments: Any, **named: Any) -> Any:
    """Return a connection of http.client that tells its socket when it has one."""
    connection = kind(*arguments, **named)
    connect = connection.connect

    def connect_and_tell() -> None:
        connect()
        connected(connection.sock)

    connection.connect = connect_and_tell
    return connection


def _unanswered(error: Exception, who: str, seconds: float) -> StreamError:
    """Return why there is no answer, in words: nothing of what was sent is in them."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    match cause:
        case _TooLong():
            return StreamError("UNAVAILABLE", f"{who} answered with more than can be meant", _ANOTHER)
        case TimeoutError():
            return Unreachable("UNAVAILABLE", f"{who} did not answer within {seconds:g} s", _NETWORK)
        case ssl.SSLCertVerificationError():
            why = plain(cause.verify_message).rstrip(".")
            return StreamError(
                "UNAVAILABLE",
                f"The certificate of {who} is not trusted: {why}",
                "Check this machine's clock; if the network here puts its own certificates in place, name its "
                "authority's PEM file with the variable SSL_CERT_FILE.",
            )
        case ssl.SSLError():
            return StreamError("UNAVAILABLE", f"{who} does not speak TLS", _ANOTHER)
        case socket.gaierror():
            return Unreachable("UNAVAILABLE", f"{who} cannot be reached: its name was not found", _NETWORK)
        case http.client.RemoteDisconnected():
            return Unreachable("UNAVAILABLE", f"{who} hung up without an answer", _NETWORK)
        case OSError():
            why = plain(cause.strerror or str(cause) or type(cause).__name__).rstrip(".")
            return Unreachable("UNAVAILABLE", f"{who} cannot be reached: {why[:1].lower()}{why[1:]}", _NETWORK)
        case http.client.HTTPException():
            return StreamError("UNAVAILABLE", f"{who} does not speak HTTP", _ANOTHER)
        case _:
            return Unreachable("UNAVAILABLE", f"{who} cannot be reached", _NETWORK)


_NETWORK = "Check the network, and any firewall or proxy."
_ANOTHER = "Something else than was meant answers there: check the address, and any proxy."
