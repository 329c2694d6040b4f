"""What stands in for the cloud's exchange of keys for tokens, and for a virtual machine's metadata service.

A real web server on this machine, by HTTP or HTTPS, that answers as each test says:

    with StandIn(tls) as cloud:
        cloud.says(Said(500), token("t1.one"))      # to the first request, and to all after it
        ...
        assert cloud.requests[0].body["jwt"]
"""

import contextlib
import email.utils
import http.server
import json
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
"""The time by the cloud's clock."""


@dataclass
class Said:
    """An answer. `stalls` says nothing at all; `drips` never comes to an end, a byte at a time."""

    status: int = 200
    body: bytes = b""
    now: datetime | None = NOW
    headers: dict[str, str] = field(default_factory=dict)
    stalls: bool = False
    drips: bool = False
    raw: bytes | None = None
    echoes: bool = False
    """Whether what was sent is in the message of the answer."""


def said(content: object, status: int = 200, **more: Any) -> Said:
    """Return an answer in JSON."""
    return Said(status, json.dumps(content).encode(), **more)


def token(secret: str, hours: float = 12.0, **more: Any) -> Said:
    """Return what the exchange says: a token, which lasts for so many hours by the cloud's clock."""
    end = (NOW + timedelta(hours=hours)).isoformat().replace("+00:00", ".123456789Z")
    return said({"iamToken": secret, "expiresAt": end}, **more)


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The JSON that came with it."""
        return json.loads(self.content)


class StandIn:
    """A context manager. `address` is HOST:PORT, and `requests` is all that was asked for so far."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.released = threading.Event()
        self.gone = threading.Event()
        """Set when whoever was given an answer that drips has hung up."""
        self._answers: list[Said] = [Said(404)]
        stand_in = self

        class Handler(_Handler):
            cloud = stand_in

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def says(self, *answers: Said) -> None:
        """Answer the next requests so, and all after them as the last."""
        self._answers = list(answers)

    def next_answer(self) -> Said:
        """Return what is said now."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    cloud: StandIn

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, content: bytes) -> None:
        self.cloud.requests.append(Request(self.command, self.path, dict(self.headers), content))
        answer = self.cloud.next_answer()
        if answer.stalls:
            self.cloud.released.wait()
            return
        if answer.drips:
            self.send_response_only(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while not self.cloud.released.wait(0.02):
                    self.wfile.write(b" ")
            self.cloud.gone.set()
            return
        if answer.raw is not None:
            self.wfile.write(answer.raw)
            return
        body = answer.body
        if answer.echoes:
            body = json.dumps({"code": 16, "message": f"bad: {json.loads(content)['jwt']} !"}).encode()
        lines = {"Content-Length": str(len(body)), **answer.headers}
        if answer.now is not None:
            lines["Date"] = email.utils.format_datetime(answer.now, usegmt=True)
        self._send(answer.status, lines.items(), body)

    def _send(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass
