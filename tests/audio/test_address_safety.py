"""No address leads to a local file, none shows its credentials, and nobody is heard who is not trusted."""

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trustme

from captions.audio.names import is_address, shown_name
from tests.audio.listening import SECRET, all_of, playlist, said
from tests.audio.web_server import Served, WebServer
from tests.tone_code import Spoken

# What must not be read


@pytest.fixture
def bait(tmp_path: Path) -> Iterator[Path]:
    """Return a file with sound, as a pipe of which it can be told whether anybody opened it."""
    os.mkfifo(tmp_path / "bait.ts")
    yield tmp_path / "bait.ts"
    with pytest.raises(OSError, match="No such device"):  # there is no reader, nor was there: see `opened`
        os.open(tmp_path / "bait.ts", os.O_WRONLY | os.O_NONBLOCK)


HOSTILE = {
    "a file": "{bait}",
    "a file by its address": "file://{bait}",
    "files one after another": "concat:{bait}|{bait}",
    "a part of a file": "subfile,,start,0,end,0,,:{bait}",
    "a file behind a cipher": "crypto:{bait}",
    "a file behind a cipher, by its address": "crypto+file://{bait}",
    "a file behind a cache": "cache:file://{bait}",
    "a file read ahead": "async:file://{bait}",
    "a list of files": "concatf:{bait}",
    "a pipe": "pipe:0",
    "a descriptor": "fd:0",
    "data": "data:video/mp2t;base64,R0AREA==",
    "another port of this machine": "tcp://127.0.0.1:{port}",
    "a datagram": "udp://127.0.0.1:{port}",
    "a socket": "unix:{bait}",
    "gopher": "gopher://127.0.0.1:{port}/x",
    "ftp": "ftp://127.0.0.1:{port}/x",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", ["segment", "key", "map", "variant", "concat", "redirection"])
async def test_an_address_leads_to_nothing_but_the_web(
    kind: str, place: str, server: WebServer, bait: Path, segments: list[bytes]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        # Two slashes, or a playlist's address would be taken for a path on the server.
        target = HOSTILE[kind].format(bait=bait, port=other.getsockname()[1])
        server.files["/good.ts"] = Served(segments[0])
        server.files["/x"] = {
            "segment": Served(playlist(target)),
            "key": Served(playlist("good.ts", extra=f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"')),
            "map": Served(playlist("good.ts", extra=f'#EXT-X-MAP:URI="{target}"')),
            "variant": Served(f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n".encode()),
            "concat": Served(f"ffconcat version 1.0\nfile '{target}'\n".encode()),
            "redirection": Served(redirects=target),
        }[place]
        opened = threading.Event()

        def watch() -> None:
            os.close(os.open(bait, os.O_WRONLY))  # returns when somebody opens it for reading
            opened.set()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        await said(server.url("/x"))
        assert not opened.is_set()
        with pytest.raises(BlockingIOError):
            other.accept()
        os.close(os.open(bait, os.O_RDONLY | os.O_NONBLOCK))  # lets the thread go
        watching.join(5)


# Who is asked, and with what


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return authority


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_https_is_heard_from_whom_one_trusts(
    authority: trustme.CA, recording: bytes, talk: Spoken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WebServer(server_context(authority, "localhost"), "localhost") as server:
        server.files["/talk.wav"] = Served(recording)
        refused = await said(server.url("/talk.wav", f"user:{SECRET}"))
        assert refused.message.startswith("localhost cannot be trusted:")
        assert not server.requests

        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        _, samples = await all_of(server.url("/talk.wav"))
        assert np.array_equal(samples, talk.samples)


async def test_https_is_not_heard_from_whoever_has_another_name(
    authority: trustme.CA, recording: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with WebServer(server_context(authority, "example.org"), "localhost") as server:
        server.files["/talk.wav"] = Served(recording)
        assert "localhost cannot be trusted" in (await said(server.url("/talk.wav"))).message


async def test_a_playlists_segments_are_heard_only_from_whom_one_trusts(
    authority: trustme.CA, server: WebServer, segments: list[bytes]
) -> None:
    with WebServer(server_context(authority, "localhost"), "localhost") as untrusted:
        untrusted.files["/0.ts"] = Served(segments[0])
        server.files["/list.m3u8"] = Served(playlist(untrusted.url("/0.ts")))
        await said(server.url("/list.m3u8"))
        assert not untrusted.requests


async def test_credentials_of_an_address_are_told_to_its_own_server_only(
    server: WebServer, recording: bytes, segments: list[bytes]
) -> None:
    with WebServer() as other:
        other.files["/1.ts"] = Served(segments[1])
        other.files["/talk.wav"] = Served(recording)
        server.files["/0.ts"] = Served(segments[0], user=f"me@work:{SECRET}")
        server.files["/list.m3u8"] = Served(playlist("0.ts", other.url("/1.ts")), user=f"me@work:{SECRET}")
        server.files["/away"] = Served(redirects=other.url("/talk.wav"))
        server.files["/here"] = Served(redirects="/list.m3u8")
        credentials = f"me%40work:{SECRET}"
        source, _ = await all_of(server.url("/here", credentials))
        await all_of(server.url("/away", credentials))
        assert source.name == f"http://127.0.0.1:{server.port}/here"
        assert {request.path for request in other.requests} == {"/1.ts", "/talk.wav"}
        assert not any(request.authorization for request in other.requests)


async def test_credentials_that_lack_or_are_wrong_are_told(server: WebServer, recording: bytes) -> None:
    server.files["/talk.wav"] = Served(recording, user="me:right")
    lacking = await said(server.url("/talk.wav"))
    assert "401 Unauthorized" in lacking.message
    assert "USER:PASSWORD" in lacking.hint
    wrong = await said(server.url("/talk.wav", f"me:{SECRET}"))
    assert "may be wrong" in wrong.hint


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (f"http://me:{SECRET}@host/a.mp3", "http://host/a.mp3"),
        (f"https://host:8443/a.mp3?token={SECRET}", "https://host:8443/a.mp3?…"),
        (f"rtsp://me:{SECRET}@cam/1#x={SECRET}", "rtsp://cam/1#…"),
        (f"http://me:pass/{SECRET}@host/a", "http://host/a"),
        (f"http://me:a?{SECRET}@host/a", "http://me:a?…"),
        (f"http://me:{SECRET}@x@host/a", "http://host/a"),
        (f"HTTP://{SECRET}@host", "HTTP://host"),
        (f"  http://me:{SECRET}@host/a", "http://host/a"),
        ("tcp://\x1b[31mhost:1", "tcp://[31mhost:1"),
        ("microphone:USB\n", "microphone:USB "),
        ("talk?.wav", "talk?.wav"),
    ],
)
def test_what_is_shown_of_a_name_holds_no_secret(name: str, shown: str) -> None:
    assert shown_name(name) == shown


def test_addresses_are_told_from_paths() -> None:
    assert is_address("http://x/y")
    assert is_address("udp://x")
    for path in ("a.wav", "/a//b", "C:/a.wav", "./http://x", "-", ""):
        assert not is_address(path)
