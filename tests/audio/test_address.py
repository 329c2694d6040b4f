"""Sound from a web server is heard whole and in its place, and what breaks is mended or told."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from captions.audio import address, endless, web
from captions.audio.block import AudioBlock
from captions.audio.endless import Lost, Missed
from captions.audio.source import Playable, open_source
from captions.errors import InputError
from tests.audio.listening import (
    FAST,
    SECRET,
    all_of,
    said,
    taken_up_again,
)
from tests.audio.tones import collected, encode, loudest_frequency, tone
from tests.audio.web_server import Served, TcpServer, WebServer
from tests.tone_code import Spoken

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
