"""Sound from an address is heard whole and in its place, breaks are mended, and nothing leads to local files."""

import asyncio
import itertools
import os
import random
import socket
import ssl
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import trustme

from captions.audio import address, endless, live, web
from captions.audio.block import AudioBlock, Samples
from captions.audio.endless import Lost, Missed, Opened
from captions.audio.names import is_address, shown_name
from captions.audio.source import AudioFormat, AudioSource, Playable, open_source
from captions.errors import InputError
from tests.audio.tones import collected, encode, loudest_frequency, rms, tone
from tests.audio.web_server import Served, TcpServer, WebServer, cut_to_segments, reset
from tests.tone_code import Spoken, ToneReader, speech_like
from tests.tone_code import encode as said_in_tones

FAST = AudioFormat(real_time=False, pcm_rate=16_000)
LIVE = AudioFormat(pcm_rate=16_000)
SECRET = "hunter2"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture
def talk() -> Spoken:
    return said_in_tones(range(20), speech_like(random.Random(7)))


@pytest.fixture
def recording(talk: Spoken, tmp_path: Path) -> bytes:
    """Return the talk as a WAV file."""
    with wave.open(str(tmp_path / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(talk.samples.tobytes())
    return (tmp_path / "talk.wav").read_bytes()


def heard(samples: Samples) -> list[str]:
    reader = ToneReader()
    return [word.text for word in [*reader.hear(samples), *reader.finish()]]


async def said(name: str, audio_format: AudioFormat = FAST) -> InputError:
    """Return why an address cannot be opened."""
    with pytest.raises(InputError) as caught:
        await (await open_source(name, audio_format)).aclose()
    assert SECRET not in str(caught.value)
    assert caught.value.hint
    return caught.value


async def all_of(name: str, audio_format: AudioFormat = FAST) -> tuple[AudioSource, Samples]:
    source = await open_source(name, audio_format)
    try:
        return source, await asyncio.wait_for(collected(source.blocks()), 60)
    finally:
        await source.aclose()


# A web server's files


async def test_a_file_on_a_web_server_plays_as_a_file_does(server: WebServer, recording: bytes, talk: Spoken) -> None:
    server.files["/talk.wav"] = Served(recording)
    source, samples = await all_of(server.url("/talk.wav"))
    assert isinstance(source, Playable)
    assert (source.kind, source.live) == ("address", False)
    assert source.duration == source.elapsed == pytest.approx(talk.seconds)
    assert np.array_equal(samples, talk.samples)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.flac", "flac"), ("a.ogg", "libopus")]
)
@pytest.mark.parametrize("ranges", [True, False])
async def test_every_kind_of_file_plays_with_and_without_ranges(
    name: str, codec: str, ranges: bool, server: WebServer, tmp_path: Path
) -> None:
    data = encode(tmp_path / name, tone(440, 6.0, 48_000), 48_000, codec).read_bytes()
    server.files["/a"] = Served(data, ranges=ranges)
    _, samples = await all_of(server.url("/a"))
    assert len(samples) / 16_000 == pytest.approx(6.0, abs=0.1)
    assert loudest_frequency(samples, 16_000) == pytest.approx(440, abs=1)


@pytest.mark.parametrize("ranges", [True, False])
async def test_one_can_seek_in_it(ranges: bool, server: WebServer, recording: bytes, talk: Spoken) -> None:
    server.files["/talk.wav"] = Served(recording, ranges=ranges)
    source = await open_source(server.url("/talk.wav"), FAST)
    assert isinstance(source, Playable)
    for place in (talk.seconds - 2, 3.0):
        source.seek(place)
        blocks = source.blocks()
        block = await anext(blocks)
        first = round(place * 16_000)
        assert np.array_equal(block.samples, talk.samples[first : first + len(block.samples)])
    await source.aclose()


async def test_a_headerless_file_is_read_as_the_settings_say(server: WebServer, talk: Spoken) -> None:
    server.files["/talk.pcm"] = Served(talk.samples.tobytes())
    _, samples = await all_of(server.url("/talk.pcm?v=1"))
    assert np.array_equal(samples, talk.samples)


@pytest.mark.parametrize("ranges", [True, False])
async def test_a_file_that_breaks_off_goes_on_where_it_did(
    ranges: bool, server: WebServer, recording: bytes, talk: Spoken
) -> None:
    cuts = [200_001, 65_537, 100_000] if ranges else [200_001, 300_003]
    server.files["/talk.wav"] = Served(recording, ranges=ranges, cuts=cuts)
    _, samples = await all_of(server.url("/talk.wav"))
    assert np.array_equal(samples, talk.samples)
    assert not cuts
    assert all(before.start < after.start for before, after in itertools.pairwise(server.requests))


async def test_a_file_goes_on_when_its_server_comes_back(server: WebServer, recording: bytes, talk: Spoken) -> None:
    server.files["/talk.wav"] = Served(recording, cuts=[150_000, 150_000])
    source = await open_source(server.url("/talk.wav"), FAST)
    await asyncio.to_thread(server.stop)
    hearing = asyncio.ensure_future(collected(source.blocks()))
    await asyncio.wait({hearing}, timeout=1.0)
    assert not hearing.done()
    server.start()
    assert np.array_equal(await asyncio.wait_for(hearing, 20), talk.samples)
    await source.aclose()


async def test_a_file_whose_server_stays_away_breaks_off(
    server: WebServer, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "GOING_ON_LIMIT", 1.0)
    server.files["/talk.wav"] = Served(recording, cuts=[150_000, 150_000])
    source = await open_source(server.url("/talk.wav"), FAST)
    await asyncio.to_thread(server.stop)
    with pytest.raises(InputError, match=r"talk\.wav broke off\. 127\.0\.0\.1 takes no connection"):
        await asyncio.wait_for(collected(source.blocks()), 20)
    await source.aclose()
    server.start()


async def test_a_file_that_was_replaced_meanwhile_is_not_mixed_with_the_other(
    server: WebServer, recording: bytes
) -> None:
    server.files["/talk.wav"] = Served(recording, cuts=[150_000, 150_000])
    source = await open_source(server.url("/talk.wav"), FAST)
    server.files["/talk.wav"] = Served(recording[:-1_000])
    with pytest.raises(InputError, match="it has changed meanwhile"):
        await asyncio.wait_for(collected(source.blocks()), 20)
    await source.aclose()


async def test_a_server_that_stalls_within_a_file_is_asked_again(
    server: WebServer, recording: bytes, talk: Spoken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "SILENCE_LIMIT", 0.5)
    server.files["/talk.wav"] = Served(recording, stalls_after=300_000)
    source = await open_source(server.url("/talk.wav"), FAST)
    server.files["/talk.wav"] = Served(recording)
    assert np.array_equal(await asyncio.wait_for(collected(source.blocks()), 20), talk.samples)
    await source.aclose()


# Live streams


async def test_what_has_no_length_is_live(server: WebServer, recording: bytes, talk: Spoken) -> None:
    server.files["/live"] = Served(recording, chunked=True)
    source, samples = await all_of(server.url("/live"))
    assert not isinstance(source, Playable)
    assert (source.kind, source.live) == ("address", True)
    assert np.array_equal(samples, talk.samples)


async def test_a_radio_that_stops_sending_is_a_break_and_not_an_end(server: WebServer, recording: bytes) -> None:
    server.files["/radio"] = Served(recording, length=False, headers={"icy-name": "Radio"})
    with pytest.raises(InputError, match="has stopped sending"):
        await all_of(server.url("/radio"))


async def test_a_live_stream_that_breaks_off_is_told(
    server: WebServer, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/live"] = Served(recording, length=False, cuts=[300_000])
    with pytest.raises(InputError, match="broke off"):
        await all_of(server.url("/live"))
    monkeypatch.setattr(web, "SILENCE_LIMIT", 0.5)
    server.files["/live"] = Served(recording, length=False, stalls_after=300_000)
    with pytest.raises(InputError, match=r"broke off.*does not answer"):
        await all_of(server.url("/live"))


async def test_a_stream_that_drips_counts_as_broken_off(
    server: WebServer, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "SILENCE_LIMIT", 1.0)

    def drops() -> Iterator[bytes]:
        yield recording[:300_000]
        for byte in recording[300_000:]:
            server.ended.wait(0.05)
            yield bytes([byte])

    server.files["/drip"] = Served(length=False, feed=drops())
    with pytest.raises(InputError, match="has sent no sound for 1 seconds"):
        await all_of(server.url("/drip"))


async def taken_up_again(name: str, position: int = 0) -> list[AudioBlock | Opened | Lost | Missed]:
    """Return what an endless input gives until it has been taken up again and was heard for a second."""
    items: list[AudioBlock | Opened | Lost | Missed] = []
    sound = endless.endless(lambda at: open_source(name, FAST, at), position, 16_000)
    async with asyncio.timeout(30):
        async for item in sound:
            items.append(item)
            again = [isinstance(item, Opened) and item.again for item in items]
            if any(again) and len(items) - again.index(True) > 10:
                break
    await sound.aclose()
    return items


async def test_a_live_stream_is_taken_up_again_with_the_time_between_missed(
    server: WebServer, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endless, "RETRY_SECONDS", 0.2)
    served = Served(recording, length=False, cuts=[300_000])
    server.files["/live"] = served
    items = await taken_up_again(server.url("/live"), 1_000)
    lost = next(item for item in items if isinstance(item, Lost))
    missed = next(item for item in items if isinstance(item, Missed))
    assert "broke off" in lost.error.message
    assert missed.reason == "the stream was gone"
    before = [item for item in items[: items.index(lost)] if isinstance(item, AudioBlock)]
    after = [item for item in items[items.index(missed) :] if isinstance(item, AudioBlock)]
    assert before[0].position == 1_000
    assert after[0].position == before[-1].end + round(missed.seconds * 16_000)
    assert np.array_equal(after[0].samples, before[0].samples)


# HLS


def playlist(*segments: str, extra: str = "", ended: bool = True, first: int = 0) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-VERSION:4", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    if extra:
        lines.append(extra)
    for segment in segments:
        lines += ["#EXTINF:2.0,", segment]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if ended else []), ""]).encode()


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return a hum of 12 s in six segments, as FFmpeg cuts them."""
    folder = tmp_path_factory.mktemp("hls")
    cut_to_segments(folder / "list.m3u8", tone(440, 12.0, 16_000), 16_000, 2.0)
    return [(folder / f"list{number}.ts").read_bytes() for number in range(6)]


async def test_a_playlist_with_an_end_plays_as_a_file_does(server: WebServer, segments: list[bytes]) -> None:
    for number, data in enumerate(segments):
        server.files[f"/{number}.ts"] = Served(data)
    server.files["/master.m3u8"] = Served(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000\nlist.m3u8?token=1\n")
    server.files["/list.m3u8"] = Served(playlist("0.ts", "1.ts", server.url("/2.ts"), "3.ts", "4.ts", "5.ts"))
    source, samples = await all_of(server.url("/master.m3u8"))
    assert isinstance(source, Playable)
    assert len(samples) / 16_000 == pytest.approx(12.0, abs=0.15)
    assert loudest_frequency(samples[16_000:-16_000], 16_000) == pytest.approx(440, abs=1)


async def test_one_can_seek_in_a_playlist(server: WebServer, segments: list[bytes]) -> None:
    for number, data in enumerate(segments):
        server.files[f"/{number}.ts"] = Served(data)
    server.files["/list.m3u8"] = Served(playlist(*(f"{number}.ts" for number in range(6))))
    source = await open_source(server.url("/list.m3u8"), FAST)
    assert isinstance(source, Playable)
    source.seek(9.0)
    assert len(await collected(source.blocks())) / 16_000 == pytest.approx(3.0, abs=0.15)
    await source.aclose()


async def test_parts_of_one_file_are_segments_too(server: WebServer, segments: list[bytes]) -> None:
    server.files["/all.ts"] = Served(b"".join(segments))
    lines, offsets = ["#EXTM3U", "#EXT-X-VERSION:4", "#EXT-X-TARGETDURATION:2"], [0]
    for part in segments:
        lines += ["#EXTINF:2.0,", f"#EXT-X-BYTERANGE:{len(part)}@{offsets[-1]}", "all.ts"]
        offsets.append(offsets[-1] + len(part))
    server.files["/list.m3u8"] = Served("\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode())
    _, samples = await all_of(server.url("/list.m3u8"))
    assert len(samples) / 16_000 == pytest.approx(12.0, abs=0.15)
    assert {request.start for request in server.requests if request.path == "/all.ts"} == set(offsets[:-1])


async def test_a_playlist_that_grows_is_live(server: WebServer, segments: list[bytes]) -> None:
    for number, data in enumerate(segments):
        server.files[f"/{number}.ts"] = Served(data)
    server.files["/list.m3u8"] = Served(playlist("0.ts", "1.ts", "2.ts", ended=False))
    source = await open_source(server.url("/list.m3u8"), FAST)
    assert not isinstance(source, Playable)
    assert source.live
    blocks = source.blocks()
    got = [await asyncio.wait_for(anext(blocks), 10) for _ in range(50)]
    server.files["/list.m3u8"] = Served(playlist("2.ts", "3.ts", "4.ts", "5.ts", first=2))
    rest = await asyncio.wait_for(collected(blocks), 20)
    assert len(got) * 0.1 + len(rest) / 16_000 == pytest.approx(12.0, abs=0.15)
    await source.aclose()


async def test_a_segment_that_fails_for_a_moment_is_asked_for_again(server: WebServer, segments: list[bytes]) -> None:
    server.files["/0.ts"] = Served(segments[0])
    server.files["/1.ts"] = Served(segments[1], cuts=[3_000])
    broken = Served(status=503)
    server.files["/2.ts"] = broken
    server.files["/list.m3u8"] = Served(playlist("0.ts", "1.ts", "2.ts"))
    opening = asyncio.ensure_future(all_of(server.url("/list.m3u8")))
    async with asyncio.timeout(10):
        while not any(request.path == "/2.ts" for request in server.requests):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    server.files["/2.ts"] = Served(segments[2])
    _, samples = await opening
    assert len(samples) / 16_000 == pytest.approx(6.0, abs=0.15)


async def test_an_encrypted_playlist_is_told(server: WebServer, segments: list[bytes]) -> None:
    server.files["/key"] = Served(bytes(16))
    server.files["/0.ts"] = Served(segments[0])
    server.files["/list.m3u8"] = Served(playlist("0.ts", extra='#EXT-X-KEY:METHOD=AES-128,URI="key"'))
    assert "is encrypted" in (await said(server.url("/list.m3u8"))).message


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


# What can be wrong


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("udp://127.0.0.1:1", r"udp:// addresses cannot be captioned\. It takes tcp://, http://, https://, rtsp://"),
        ("srt://127.0.0.1:1", "srt:// addresses cannot be captioned"),
        ("file:///etc/passwd", "file:// addresses cannot be captioned"),
        ("http://", "is no address"),
        ("http://[::1/a", "is no address"),
        ("http://host:port/a", "is no address"),
        ("http://a b/c", "is no address"),
        ("tcp://127.0.0.1", r"is no address\. It takes the form tcp://HOST:PORT"),
        ("http://no-such-host.invalid/a.mp3", "There is no host no-such-host.invalid"),
        ("tcp://no-such-host.invalid:1", "There is no host no-such-host.invalid"),
        ("http://127.0.0.1:1/a", "127.0.0.1 takes no connection for http://127.0.0.1:1/a"),
        ("tcp://127.0.0.1:1", "127.0.0.1 takes no connection"),
        ("rtsp://127.0.0.1:1/a", "rtsp://127.0.0.1:1/a cannot be heard: Connection refused"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        await open_source(name, FAST)


async def test_what_is_no_sound_is_told(server: WebServer, tmp_path: Path) -> None:
    server.files["/page"] = Served(b"<!doctype html><title>Sign in</title>" * 100, kind="text/html")
    server.files["/garbage"] = Served(np.random.default_rng(1).bytes(300_000))
    server.files["/nothing"] = Served(b"")
    server.files["/error"] = Served(status=500)
    server.files["/round"] = Served(redirects="/round")
    server.files["/silent.wav"] = Served(
        encode(tmp_path / "a.wav", tone(1, 1.0, 16_000), 16_000, "pcm_s16le").read_bytes()[:44]
    )
    assert "and not to a page about it" in (await said(server.url("/page"))).hint
    await said(server.url("/garbage"))
    await said(server.url("/nothing"))
    await said(server.url("/silent.wav"))
    assert "500 Internal Server Error" in (await said(server.url(f"/error?key={SECRET}"))).message
    assert "404 Not Found" in (await said(server.url("/missing"))).message
    assert "302" in (await said(server.url("/round"))).message


async def test_what_is_no_web_server_is_told() -> None:
    with TcpServer(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n" * 3)) as server:
        assert "not HTTP's" in (await said(f"http://127.0.0.1:{server.port}/a")).message
    with TcpServer(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 3)) as server:
        assert "does not speak TLS" in (await said(f"https://127.0.0.1:{server.port}/a")).message


@pytest.mark.parametrize("scheme", ["http", "https", "tcp", "rtsp"])
async def test_a_server_that_says_nothing_is_given_up(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "CONNECTING_LIMIT", 0.5)
    monkeypatch.setattr(address, "CONNECTING_LIMIT", 0.5)
    monkeypatch.setattr(address, "OPENING_LIMIT", 1.0)
    ended = threading.Event()
    with TcpServer(lambda _: ended.wait(20)) as server:
        start = time.monotonic()
        await said(f"{scheme}://127.0.0.1:{server.port}/a")
        assert time.monotonic() - start < 4
        ended.set()


@pytest.mark.parametrize("kind", ["a file", "a live stream", "tcp"])
async def test_closing_never_waits_for_a_server(kind: str, server: WebServer, recording: bytes) -> None:
    ended = threading.Event()
    server.files["/x"] = Served(recording, length=kind == "a file", stalls_after=300_000)

    def stalls(connection: socket.socket) -> None:
        connection.sendall(recording[:300_000])
        ended.wait(20)

    with TcpServer(stalls) as tcp:
        source = await open_source(tcp.url if kind == "tcp" else server.url("/x"), FAST)
        hearing = asyncio.ensure_future(collected(source.blocks()))
        await asyncio.wait({hearing}, timeout=0.5)
        assert not hearing.done()
        start = time.monotonic()
        await source.aclose()
        await source.aclose()
        samples = await asyncio.wait_for(hearing, 5)
        assert time.monotonic() - start < 1
        assert len(samples) > 16_000
        ended.set()


# TCP


async def test_samples_and_containers_come_over_tcp(talk: Spoken, recording: bytes) -> None:
    for data in (talk.samples.tobytes(), recording):
        with TcpServer(lambda connection, data=data: connection.sendall(data)) as server:  # type: ignore[misc]
            source, samples = await all_of(server.url)
            assert (source.kind, source.name, source.live) == ("address", server.url, True)
            assert np.array_equal(samples, talk.samples)


async def test_a_connection_that_breaks_is_taken_up_again(talk: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless, "RETRY_SECONDS", 0.05)

    def breaks(connection: socket.socket) -> None:
        connection.sendall(talk.samples[:64_000].tobytes())
        time.sleep(0.3)
        reset(connection)

    def refuses(connection: socket.socket) -> None:
        reset(connection)

    with TcpServer(breaks, refuses, refuses, lambda connection: connection.sendall(talk.samples.tobytes())) as server:
        items = await taken_up_again(server.url)
        assert server.served == 4
    assert [type(item).__name__ for item in items if not isinstance(item, AudioBlock)] == [
        "Opened", "Lost", "Missed", "Opened",
    ]  # fmt: skip
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    gaps = [after.position - before.end for before, after in itertools.pairwise(blocks)]
    missed = next(item for item in items if isinstance(item, Missed))
    assert [gap for gap in gaps if gap] == [round(missed.seconds * 16_000)]


async def test_a_stream_is_tried_again_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [endless._wait("address", tries) for tries in range(8)]
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert [endless._wait("microphone", tries) for tries in range(4)] == [0.0, 1.0, 1.0, 1.0]


async def test_what_nobody_takes_stays_with_the_server() -> None:
    sent = []

    def sends(connection: socket.socket) -> None:
        for _ in range(400):
            connection.sendall(bytes(64_000))
            sent.append(64_000)

    with TcpServer(sends) as server:
        source = await open_source(server.url, FAST)
        await anext(source.blocks())
        await asyncio.sleep(0.5)  # as long as nobody takes anything
        assert sum(sent) < 12_000_000
        await source.aclose()


async def test_a_live_stream_waits_no_longer_than_its_lead(talk: Spoken) -> None:
    with TcpServer(lambda connection: connection.sendall(talk.samples.tobytes())) as server:
        source = await open_source(server.url, LIVE)
        start = time.monotonic()
        samples = await collected(source.blocks())
        assert talk.seconds < live.LEAD_SECONDS
        assert time.monotonic() - start < 5
        assert len(samples) == len(talk.samples)
        await source.aclose()


# RTSP


class RtspServer:
    """An RTSP server with one stream: 440 Hz at 16 kHz, as L16 packets within the connection."""

    def __init__(self, seconds: float, *, breaks: bool = False) -> None:
        self._packets = round(seconds * 50)
        self._breaks = breaks
        self.transports: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while line := file.readline():
            method, _, _ = line.decode().partition(" ")
            headers: dict[str, str] = {}
            while row := file.readline().decode().strip():
                key, _, value = row.partition(":")
                headers[key.lower()] = value.strip()
            answer = ["RTSP/1.0 200 OK", f"CSeq: {headers['cseq']}", "Session: 1;timeout=60"]
            body = ""
            if method == "OPTIONS":
                answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif method == "DESCRIBE":
                body = (
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 97\r\n"
                    "a=rtpmap:97 L16/16000/1\r\na=control:one\r\n"
                )
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif method == "SETUP":
                self.transports.append(headers["transport"])
                answer.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
            connection.sendall(("\r\n".join(answer) + "\r\n\r\n" + body).encode())
            if method == "PLAY":
                self._play(connection)
                return

    def _play(self, connection: socket.socket) -> None:
        sound = np.round(tone(440, self._packets / 50, 16_000)[0] * 32767).astype(">i2")
        for number in range(self._packets):
            payload = sound[number * 320 : (number + 1) * 320].tobytes()
            header = bytes([0x80, 97]) + number.to_bytes(2, "big") + (number * 320).to_bytes(4, "big") + bytes(4)
            packet = header + payload
            connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
        if self._breaks:
            time.sleep(0.3)
            reset(connection)


async def test_rtsp_is_heard_within_its_one_connection() -> None:
    stream = RtspServer(5.0)
    with TcpServer(stream) as server:
        source = await open_source(f"rtsp://me:{SECRET}@127.0.0.1:{server.port}/live?key={SECRET}", FAST)
        assert source.name == f"rtsp://127.0.0.1:{server.port}/live?…"
        got: list[Samples] = []

        async def listen() -> None:
            async for block in source.blocks():
                got.append(block.samples)

        with pytest.raises(InputError) as caught:  # a camera does not end: that it does is a break
            await asyncio.wait_for(listen(), 30)
        await source.aclose()
    assert SECRET not in str(caught.value)
    assert "TCP" in stream.transports[0]
    samples = np.concatenate(got)
    assert len(samples) / 16_000 == pytest.approx(5.0, abs=0.2)
    assert loudest_frequency(samples, 16_000) == pytest.approx(440, abs=1)
    assert rms(samples) > 0.3


async def test_an_rtsp_server_that_refuses_is_told() -> None:
    def refuses(connection: socket.socket) -> None:
        connection.recv(4_096)
        connection.sendall(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n")

    with TcpServer(refuses) as server:
        error = await said(f"rtsp://me:{SECRET}@127.0.0.1:{server.port}/live")
        assert "cannot be heard" in error.message


def test_nothing_is_loaded_for_addresses_until_one_is_opened() -> None:
    from tests.audio.test_imports import loaded

    assert "captions.audio.web" not in loaded("import captions.audio.source")
