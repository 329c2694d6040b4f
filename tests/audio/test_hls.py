"""What an HLS playlist leads to is heard, as a file where it has an end, and live where it grows."""

import asyncio

import pytest

from captions.audio.source import Playable, open_source
from tests.audio.listening import (
    FAST,
    all_of,
    playlist,
    said,
)
from tests.audio.tones import collected, loudest_frequency
from tests.audio.web_server import Served, WebServer


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
