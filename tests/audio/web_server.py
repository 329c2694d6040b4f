"""A web server of our own on this machine, which serves well or badly, as each path says.

with WebServer() as web:
    web.files["/a.wav"] = Served(data)
    await open_source(web.url("/a.wav"), ...)
"""

import base64
import contextlib
import http.server
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream

from tests.audio.tones import Channels


@dataclass
class Served:
    """What a path gives.

    `ranges`: parts can be asked for. `length`: its size is told; without, the end is where the connection ends.
    `chunked`: in chunks, whose last one says that it was all. `cuts`: after so many bytes of each answer in turn the
    connection is reset; when there are none left, answers are whole. `stalls_after`: then nothing more comes.
    `redirects`: where to, instead of an answer. `user`: the "USER:PASSWORD" without which it is refused.
    """

    data: bytes = b""
    kind: str = "application/octet-stream"
    ranges: bool = True
    length: bool = True
    chunked: bool = False
    cuts: list[int] = field(default_factory=list)
    stalls_after: int | None = None
    redirects: str = ""
    status: int = 200
    user: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    feed: Iterable[bytes] | None = None


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    path: str
    start: int
    authorization: str


class WebServer:
    """A context manager. `requests` is all that was asked for so far; `port` stays after `stop` and `start`."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[Request] = []
        self.ended = threading.Event()
        self.port = 0
        self._tls = tls
        self._host = host

    def url(self, path: str, credentials: str = "") -> str:
        """Return a path's address."""
        scheme = "https" if self._tls else "http"
        at = f"{credentials}@" if credentials else ""
        return f"{scheme}://{at}{self._host}:{self.port}{path}"

    def start(self) -> None:
        """Listen, after the first time on the same port."""
        server = self

        class Handler(_Handler):
            web = server

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended.set()
        self.stop()


class _Handler(http.server.BaseHTTPRequestHandler):
    web: WebServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        path = self.path.partition("?")[0]
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self.web.requests.append(Request(self.path, start, self.headers.get("Authorization", "")))
        served = self.web.files.get(path)
        with contextlib.suppress(OSError):  # whoever asked is gone
            self._serve(served, start)

    def _serve(self, served: Served | None, start: int) -> None:
        if served is None:
            self.send_error(404)
            return
        if served.user and self.headers.get("Authorization") != (
            "Basic " + base64.b64encode(served.user.encode()).decode()
        ):
            self.send_error(401)
            return
        if served.redirects:
            self.send_response(302)
            self.send_header("Location", served.redirects)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if served.status != 200:
            self.send_error(served.status)
            return
        start = start if served.ranges else 0
        data = served.data[start:]
        self.send_response(206 if served.ranges and served.length else 200)
        self.send_header("Content-Type", served.kind)
        for name, value in served.headers.items():
            self.send_header(name, value)
        if served.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif served.length:
            self.send_header("Content-Length", str(len(data)))
            if served.ranges:
                self.send_header("Content-Range", f"bytes {start}-{len(served.data) - 1}/{len(served.data)}")
        self.end_headers()
        if served.cuts:
            self.wfile.write(data[: served.cuts.pop(0)])
            self._reset()
        elif served.stalls_after is not None:
            self.wfile.write(data[: served.stalls_after])
            self.wfile.flush()
            self.web.ended.wait()
        elif served.feed is not None:
            for piece in served.feed:
                self.wfile.write(piece)
        elif served.chunked:
            for first in range(0, len(data), 5_000):
                piece = data[first : first + 5_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(data)

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class TcpServer:
    """Serves each connection with the next of `serves`, which writes to it and returns; then it is closed."""

    def __init__(self, *serves: Callable[[socket.socket], object]) -> None:
        self._serves = list(serves)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.ended = threading.Event()
        self.served = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"tcp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended.set()
        self._listener.close()

    def _run(self) -> None:
        for serve in self._serves:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.served += 1
            threading.Thread(target=self._serve, args=(serve, connection), daemon=True).start()

    def _serve(self, serve: Callable[[socket.socket], object], connection: socket.socket) -> None:
        try:
            serve(connection)
        except OSError:
            pass  # whoever listened is gone
        finally:
            connection.close()


def reset(connection: socket.socket) -> None:
    """Break a connection off (TCP RST)."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def cut_to_segments(playlist: Path, sound: Channels, rate: int, seconds: float) -> None:
    """Write an HLS playlist, and beside it its segments: AAC in MPEG transport streams."""
    with av.open(playlist, "w", format="hls", options={"hls_time": str(seconds), "hls_list_size": "0"}) as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(sound.astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate, frame_size=1_024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
