"""What a web server has: files, with ranges where it can do them, live streams, and what an HLS playlist leads to."""

import base64
import contextlib
import functools
import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from captions import __version__
from captions.audio.location import Changed, Location, is_final, unreachable
from captions.audio.source import AudioFormat
from captions.audio.stream import SOON, headerless
from captions.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

CONNECTING_LIMIT = 10.0
"""Seconds within which a host must take a connection, and answer."""
SILENCE_LIMIT = 30.0
"""Seconds without a byte, or without sound, after which a connection counts as broken."""
GOING_ON_LIMIT = 60.0
"""Seconds for which a file that broke off is asked for again, at the place where it did."""
ANOTHER_LIMIT = 15.0
"""Seconds for which a file that a playlist leads to is asked for again when it cannot be had."""
LONGEST_WAIT = 8.0
"""The longest wait between two such tries, in seconds; the first is 0.5."""
READ_ON_BYTES = 1 << 18
"""A place so little further on is reached by reading on, not by another request."""
WEB = ("http", "https")


class WebMedia:
    """Media on a web server."""

    def __init__(self, location: Location, audio_format: AudioFormat) -> None:
        self.shown = location.shown
        self.finite = False
        """Whether it has an end: known when it is open."""
        self.endless = False
        """Whether it is a radio, which stops only when it breaks."""
        self._location = location
        self._format = audio_format
        self._files: set[WebFile] = set()
        self._changing = threading.Lock()
        self._interrupted = False

    def open(self) -> "InputContainer":
        """See Media."""
        import av

        from captions.audio.decoder import words

        file = self._opened(self._location, 0, 0.0)
        # Everything is opened here. FFmpeg keeps a connection that it opened itself, so it must not try to.
        options = {"protocol_whitelist": ",".join(WEB), "http_persistent": "0", "http_multiple": "0"}
        if file.size is None:
            options |= SOON
        kind = None
        if headerless(self._location.path):
            kind, options = (
                "s16le",
                {
                    "protocol_whitelist": "none",
                    "sample_rate": str(self._format.pcm_rate),
                    "ch_layout": f"{self._format.pcm_channels}C",
                },
            )
        try:
            container = av.open(
                file, mode="r", format=kind, options=options, io_open=self._led_to, timeout=(None, SILENCE_LIMIT)
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self.shown} cannot be read as sound or video: {words(error)}.",
                "Does the address lead to the sound itself, and not to a page about it?",
            ) from None
        playlist = container.format.name == "hls"
        self.finite = container.duration is not None if playlist else file.size is not None
        self.endless = file.is_radio
        return container

    def broken(self, error: Exception) -> InputError | None:
        """See Media: a connection that breaks tells so by itself, so this is damage."""
        import av

        if isinstance(error, av.ExitError | av.TimeoutError):
            return InputError(
                f"{self.shown} has sent nothing for {SILENCE_LIMIT:g} seconds.", "Is it still on the air?"
            )
        return None

    def interrupt(self) -> None:
        """Let whatever waits for the server end. Called from any thread."""
        self._interrupted = True
        with self._changing:
            files = list(self._files)
        for file in files:
            file.interrupt()

    def close(self) -> None:
        """See Media."""
        with self._changing:
            files, self._files = self._files, set()
        for file in files:
            file.close()

    def _led_to(self, url: str, flags: int, options: dict[str, str]) -> "WebFile":
        """Open what a playlist leads to, for FFmpeg: only on the web, whatever it may say."""
        if url.startswith("crypto"):
            raise InputError(f"{self.shown} is encrypted.", "Choose a stream that is not.")
        location = Location.parse(url, self.shown)
        if location is None or location.scheme not in WEB:
            raise InputError(f"{self.shown} leads to what is not on the web.", "It may be meant to do harm.")
        return self._opened(location, int(options.get("offset", 0)), ANOTHER_LIMIT)

    def _opened(self, location: Location, start: int, patience: float) -> "WebFile":
        if location.origin == self._location.origin:
            location = replace(location, credentials=self._location.credentials)
        if self._interrupted:
            raise InputError(f"{self.shown} is closed.")
        file = WebFile(location, start, self._closed)
        with self._changing:
            self._files.add(file)
        if self._interrupted:
            file.interrupt()
        file.open(patience)
        return file

    def _closed(self, file: "WebFile") -> None:
        with self._changing:
            self._files.discard(file)


class WebFile:
    """A file on a web server, as FFmpeg reads files. One with a size goes on where it broke off, byte for byte."""

    def __init__(self, location: Location, start: int, closed: "Callable[[WebFile], None]") -> None:
        """It is read from `start` on, in bytes. `closed` is called when it is."""
        self.name = location.url
        """What a playlist's relative addresses are relative to: without credentials."""
        self.size: int | None = None
        self.is_radio = False
        self._location = location
        self._closed = closed
        self._position = start
        """What is read next."""
        self._response: http.client.HTTPResponse | None = None
        self._stands_at = 0
        """What the response gives next."""
        self._connection: socket.socket | None = None
        self._interrupted = threading.Event()

    def open(self, patience: float) -> None:
        """Ask for it, and again for so many seconds while that fails. Raises InputError."""
        waits = 0.5
        until = time.monotonic() + patience
        while True:
            try:
                self._request(self._position)
                break
            except (OSError, http.client.HTTPException) as error:
                if is_final(error) or time.monotonic() + waits > until or self._interrupted.wait(waits):
                    raise unreachable(self._location, error) from None
            waits = min(LONGEST_WAIT, 2 * waits)
        assert self._response is not None
        headers = self._response.headers
        if self.size is None:
            self.is_radio = any(name.lower().startswith(("icy-", "ice-")) for name in headers)
        self.name = self._response.url  # after redirections

    def read(self, size: int = -1) -> bytes:
        """Return at most so many bytes; none at the end. Raises InputError when it broke off for good."""
        waits = 0.5
        until = time.monotonic() + GOING_ON_LIMIT
        while not self._interrupted.is_set():
            if self.size is not None and self._position >= self.size:
                return b""
            try:
                data = self._read(size)
                if data or self.size is None:
                    return data
                failure: Exception = ConnectionError("it ended too early")
            except (OSError, http.client.HTTPException) as error:
                failure = error
            self._let_go()
            if self._interrupted.is_set():
                break
            if self.size is None or is_final(failure) or time.monotonic() + waits > until:
                raise self._broke_off(failure) from None
            self._interrupted.wait(waits)
            waits = min(LONGEST_WAIT, 2 * waits)
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Read from there on; the server is asked when it is read."""
        assert self.size is not None
        self._position = max(0, offset + {0: 0, 1: self._position, 2: self.size}[whence])
        return self._position

    def tell(self) -> int:
        """Return the place that is read next."""
        return self._position

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether it has a size, so that its parts can be asked for."""
        return self.size is not None

    def interrupt(self) -> None:
        """Let a read that waits, and all after it, return nothing. Called from any thread."""
        self._interrupted.set()
        if (connection := self._connection) is not None:
            shut_down(connection)

    def close(self) -> None:
        """Let go of it. Idempotent."""
        self._interrupted.set()
        self._let_go()
        self._closed(self)

    def _read(self, size: int) -> bytes:
        ahead = self._position - self._stands_at
        if self._response is None or ahead < 0 or ahead > READ_ON_BYTES:
            self._request(self._position)
        assert self._response is not None
        while (ahead := self._position - self._stands_at) > 0:  # also of a server that cannot do ranges
            passed = self._response.read1(min(ahead, READ_ON_BYTES))
            if not passed or self._interrupted.is_set():
                return b""
            self._stands_at += len(passed)
        data = self._response.read1(size if size > 0 else READ_ON_BYTES)
        self._stands_at += len(data)
        self._position += len(data)
        return data

    def _request(self, start: int) -> None:
        self._let_go()
        request = urllib.request.Request(self._location.url)
        request.add_header("User-Agent", f"captions/{__version__}")
        request.add_header("Accept", "*/*")
        request.add_header("Range", f"bytes={start}-")
        if self._location.credentials:
            request.add_unredirected_header("Authorization", _basic(self._location.credentials))
        self._response = response = _opener(self._connected, self._location).open(request, timeout=CONNECTING_LIMIT)
        if self._connection is not None:
            self._connection.settimeout(SILENCE_LIMIT)
        self._stands_at, size = _extent(response)
        if self.size is not None and size != self.size:
            raise Changed("it has changed meanwhile")
        self.size = size

    def _connected(self, connection: socket.socket) -> None:
        self._connection = connection
        if self._interrupted.is_set():
            raise ConnectionAbortedError("closed")

    def _let_go(self) -> None:
        response, self._response, self._connection = self._response, None, None
        if response is not None:
            response.close()

    def _broke_off(self, failure: Exception) -> InputError:
        error = unreachable(self._location, failure)
        return InputError(f"{self._location.shown} broke off. {error.message}", error.hint)


def shut_down(connection: socket.socket) -> None:
    """End a connection's reads, in whatever thread they wait. TLS is passed by: that thread may be amid it."""
    with contextlib.suppress(OSError):  # it is gone already
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _extent(response: http.client.HTTPResponse) -> tuple[int, int | None]:
    """Return at which byte an answer begins, and how many the whole file has; None where that is not said."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        unit, _, extent = (response.headers.get("Content-Range") or "").partition(" ")
        first, _, rest = extent.partition("-")
        whole = rest.partition("/")[2]
        if unit == "bytes" and first.isdecimal():
            return int(first), int(whole) if whole.isdecimal() else None
    length = response.headers.get("Content-Length") or ""
    return 0, int(length) if length.isdecimal() else None


def _basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def _opener(connected: Callable[[socket.socket], None], location: Location) -> urllib.request.OpenerDirector:
    """What opens web addresses, through a proxy where the environment names one, and nothing else: no files, no FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Plain(connected),
        _Secure(connected),
        _Redirections(location),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Credentials go on to the same origin, and to no other."""

    def __init__(self, location: Location) -> None:
        self._location = location

    def redirect_request(self, *arguments: Any, **named: Any) -> urllib.request.Request | None:
        request = super().redirect_request(*arguments, **named)
        if request is not None and self._location.credentials:
            there = Location.parse(request.full_url, "")
            if there is not None and there.origin == self._location.origin:
                request.add_unredirected_header("Authorization", _basic(self._location.credentials))
        return request


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._connected = connected

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_watched, http.client.HTTPConnection, self._connected), request)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, connected: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._connected = connected

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_watched, http.client.HTTPSConnection, self._connected), request)


def _watched(kind: Any, connected: Any, *arguments: Any, **named: Any) -> Any:
    """Return a connection of http.client that tells its socket when it has one: the answer keeps it to itself."""
    connection = kind(*arguments, **named)
    connect = connection.connect

    def connect_and_tell() -> None:
        connect()
        connected(connection.sock)

    connection.connect = connect_and_tell
    return connection
