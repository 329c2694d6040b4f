"""A hub of our own on this machine: it answers as the Hugging Face hub does, well or badly, as each test says.

with Hub(model, files) as hub:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    await download(model, told)
"""

import contextlib
import hashlib
import http.server
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from captions.server.models import WEIGHTS, Model, ModelFile
from tests.server.whisper_files import weights, write_model

REVISION = "0123456789abcdef0123456789abcdef01234567"


def small_model(folder: Path, size: int = 3_000_000, name: str = "base") -> tuple[Model, dict[str, bytes]]:
    """Return a model whose weights have about `size` bytes, and its files. `folder` is where they are made."""
    write_model(folder)
    (folder / WEIGHTS).write_bytes(weights((b"%08d" % 7) * (size // 8)))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = {name: ModelFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    return Model(name, f"Somebody/whisper-{name}", REVISION, told, "for tests"), files


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    path: str
    start: int
    authorization: str


class Hub:
    """A context manager. `requests` is all that was asked for so far.

    `cuts`: after so many bytes of each answer with weights in turn the connection ends. `ends_after`: then it ends
    as if that were all. `stops_after`: then nothing more comes until `go_on` is set. `etag`: of the weights, instead of
    the right one. `status`: what everything is answered with.
    """

    def __init__(self, model: Model, files: dict[str, bytes]) -> None:
        self.model = model
        self.files = files
        self.requests: list[Request] = []
        self.cuts: list[int] = []
        self.ends_after: int | None = None
        self.stops_after: int | None = None
        self.go_on = threading.Event()
        self.etag = ""
        self.status = 200

    @property
    def url(self) -> str:
        """What HF_ENDPOINT must be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def bodies(self) -> list[int]:
        """From which byte on the weights were asked for, each time."""
        return [request.start for request in self.requests if request.method == "GET" and "/cdn/" in request.path]

    def __enter__(self) -> Self:
        hub: Hub = self

        class Handler(_Handler):
            web = hub

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    web: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def end_headers(self) -> None:
        # Each answer ends its connection. A client that was not told would now and then ask again over a dead one.
        self.send_header("Connection", "close")
        super().end_headers()

    def _answer(self, *, body: bool) -> None:
        hub = self.web
        self.close_connection = True
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        hub.requests.append(Request(self.command, self.path, start, self.headers.get("Authorization", "")))
        with contextlib.suppress(OSError):  # whoever asked is gone
            if hub.status != 200:
                self.send_error(hub.status)
            elif self.path.startswith("/cdn/"):
                self._weights(start, body)
            else:
                self._file(body)

    def _file(self, body: bool) -> None:
        hub = self.web
        prefix = f"/{hub.model.repository}/resolve/{hub.model.revision}/"
        name = self.path.removeprefix(prefix)
        if not self.path.startswith(prefix) or name not in hub.files:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if self.path.startswith(prefix) else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = hub.files[name]
        self.send_response(302 if name == WEIGHTS else 200)
        self.send_header("X-Repo-Commit", hub.model.revision)
        if name == WEIGHTS:
            told = hub.model.files[WEIGHTS]
            self.send_header("X-Linked-Etag", f'"{hub.etag or told.sha256}"')
            self.send_header("X-Linked-Size", str(told.size))
            # Another host, as the hub's own is: the client follows others by itself.
            self.send_header("Location", f"{hub.url}/cdn/{told.sha256}?signed=yes".replace("127.0.0.1", "localhost"))
            data = b""
        else:
            blob = b"blob %d\0%s" % (len(data), data)
            self.send_header("ETag", f'"{hashlib.sha1(blob).hexdigest()}"')
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _weights(self, start: int, body: bool) -> None:
        hub = self.web
        whole = hub.files[WEIGHTS]
        end = len(whole) if hub.ends_after is None else min(len(whole), hub.ends_after)
        data = whole[start:end]
        if start and not data:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(whole)}")
        self.end_headers()
        if not body:
            return
        if hub.cuts:
            self.wfile.write(data[: hub.cuts.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        elif hub.stops_after is not None:
            self.wfile.write(data[: hub.stops_after])
            self.wfile.flush()
            hub.go_on.wait()
            self.wfile.write(data[hub.stops_after :])
        else:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
