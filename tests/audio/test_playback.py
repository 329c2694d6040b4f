"""A file is played at the pace of sound, stands still, and goes to any place in it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from captions.audio.block import AudioBlock, Samples
from captions.audio.file import MediaFile
from captions.audio.media import Playback, open_file
from captions.audio.source import AudioFormat, Playable
from tests.audio.tones import Channels, TestClock, collected, encode, tone, write_pcm

PACED = AudioFormat()
FAST = AudioFormat(real_time=False)


@pytest.fixture
def ten_seconds(tmp_path: Path) -> Path:
    return encode(tmp_path / "ten.wav", tone(440, 10.0, 16_000), 16_000, "pcm_s16le")


async def test_a_second_of_sound_takes_a_second(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(440, 1.0, 16_000), 16_000, "pcm_s16le")
    source = await open_file(str(path), PACED)
    start = time.monotonic()
    samples = await collected(source.blocks())
    took = time.monotonic() - start
    await source.aclose()
    assert len(samples) == 16_000
    assert 1.0 <= took < 1.3


async def test_a_block_comes_when_its_last_sample_has_sounded(ten_seconds: Path) -> None:
    clock = TestClock()
    source = await open_file(str(ten_seconds), PACED, clock=clock)
    came = [(block.end, clock.time - 1_000) async for block in source.blocks()]
    await source.aclose()
    assert len(came) == 100
    assert [when for _, when in came] == pytest.approx([end / 16_000 for end, _ in came])


async def test_without_pace_a_file_comes_as_fast_as_it_is_taken(ten_seconds: Path) -> None:
    clock = TestClock()
    source = await open_file(str(ten_seconds), FAST, clock=clock)
    assert len(await collected(source.blocks())) == 160_000
    await source.aclose()
    assert clock.time == 1_000


async def test_time_spent_on_each_block_does_not_add_up(ten_seconds: Path) -> None:
    clock = TestClock()
    source = await open_file(str(ten_seconds), PACED, clock=clock)
    async for _ in source.blocks():
        clock.pass_by(0.07)
    await source.aclose()
    assert clock.time - 1_000 == pytest.approx(10.0 + 0.07)


async def test_who_is_a_little_late_catches_up_and_who_is_very_late_is_not_flooded(ten_seconds: Path) -> None:
    clock = TestClock()
    source = await open_file(str(ten_seconds), PACED, clock=clock)
    blocks = source.blocks()
    await anext(blocks)

    clock.pass_by(0.35)
    late = [await came_after(blocks, clock) for _ in range(4)]
    assert late == pytest.approx([0, 0, 0, 0.05])

    clock.pass_by(60.0)
    very_late = [await came_after(blocks, clock) for _ in range(4)]
    assert very_late == pytest.approx([0, 0.1, 0.1, 0.1])
    await source.aclose()


async def came_after(blocks: AsyncIterator[AudioBlock], clock: TestClock) -> float:
    before = clock.time
    await anext(blocks)
    return clock.time - before


async def test_a_paused_file_stands_still_and_goes_on_where_it_stood(ten_seconds: Path) -> None:
    clock = TestClock()
    source = await open_file(str(ten_seconds), PACED, clock=clock)
    blocks = source.blocks()
    before = [await anext(blocks) for _ in range(5)]

    source.pause()
    source.pause()
    waiting = asyncio.ensure_future(anext(blocks))
    await asyncio.wait({waiting}, timeout=0.2)
    assert not waiting.done()
    assert source.elapsed == pytest.approx(0.5)
    assert clock.time == pytest.approx(1_000.5)

    clock.pass_by(3_600.0)
    source.resume()
    source.resume()
    first = await waiting
    assert clock.time == pytest.approx(4_600.6)
    assert first.position == before[-1].end
    after = [first, await anext(blocks)]
    assert clock.time == pytest.approx(4_600.7)
    whole = np.concatenate([block.samples for block in (*before, *after)])
    expected = np.round(tone(440, 0.7, 16_000)[0] * 32767)
    assert np.abs(whole - expected).max() <= 1
    await source.aclose()


@pytest.mark.parametrize("real_time", [True, False])
async def test_a_pause_stops_the_very_next_block(ten_seconds: Path, real_time: bool) -> None:
    source = await open_file(str(ten_seconds), AudioFormat(real_time=real_time), clock=TestClock())
    blocks = source.blocks()
    await anext(blocks)
    waiting = asyncio.ensure_future(anext(blocks))
    source.pause()
    await asyncio.wait({waiting}, timeout=0.2)
    assert not waiting.done()
    source.resume()
    assert (await waiting).position == 1_600
    await source.aclose()


def clicks_each_second(seconds: int, rate: int) -> Channels:
    """Return noise bursts that begin at each full second, each as loud as its number, so that a place is known."""
    sound = np.zeros((1, seconds * rate))
    burst = np.random.default_rng(3).uniform(-1, 1, rate // 5)
    for second in range(seconds):
        sound[0, second * rate : second * rate + len(burst)] = burst * (second + 1) / seconds
    return sound


def onset(samples: Samples, rate: int) -> float:
    """Return when the first burst begins, in seconds."""
    window = rate // 200
    energy = np.sqrt(np.convolve(np.square(samples / 32768.0), np.ones(window) / window, "valid"))
    return float(np.argmax(energy > energy.max() * 0.3)) / rate


SOUGHT = {"wav": ("a.wav", "pcm_s16le", False), "flac": ("a.flac", "flac", False), "ogg": ("a.ogg", "libopus", False),
          "mp3": ("a.mp3", "libmp3lame", False), "m4a": ("a.m4a", "aac", False), "aac": ("a.aac", "aac", False),
          "mkv": ("a.mkv", "aac", True), "mp4": ("a.mp4", "aac", True), "pcm": ("a.pcm", "", False)}  # fmt: skip


@pytest.mark.parametrize("kind", SOUGHT)
async def test_a_place_is_found_within_50_ms_in_every_kind_of_file(kind: str, tmp_path: Path) -> None:
    name, codec, video = SOUGHT[kind]
    sound = clicks_each_second(20, 48_000)
    path = tmp_path / name
    path = encode(path, sound, 48_000, codec, video=video) if codec else write_pcm(path, sound)
    source = await open_file(str(path), AudioFormat(real_time=False, pcm_rate=48_000))
    blocks = source.blocks()
    await anext(blocks)

    for place in (7.7, 15.7, 2.7, 18.7, 0.7):
        source.seek(place)
        assert source.elapsed == place
        heard = [(await anext(blocks)).samples for _ in range(6)]
        assert source.elapsed == pytest.approx(place + 0.6)
        assert onset(np.concatenate(heard), 16_000) == pytest.approx(0.3, abs=0.05)
        loudness = np.abs(np.concatenate(heard)).max() / 32768
        assert loudness == pytest.approx((round(place + 0.3) + 1) / 20, rel=0.25, abs=0.02)
    await source.aclose()


async def test_a_file_without_a_way_to_seek_is_decoded_from_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    path = encode(tmp_path / "a.wav", clicks_each_second(10, 16_000), 16_000, "pcm_s16le")

    class Unseekable:
        def __init__(self, container: av.container.InputContainer) -> None:
            self._container = container

        def __getattr__(self, name: str) -> object:
            return getattr(self._container, name)

        def seek(self, *_: object, **__: object) -> None:
            raise av.FFmpegError(1, "cannot seek")

    opened = MediaFile.open
    monkeypatch.setattr(MediaFile, "open", lambda self: Unseekable(opened(self)))
    source = await open_file(str(path), FAST)
    source.seek(6.7)
    samples = await collected(source.blocks())
    await source.aclose()
    assert len(samples) == round(3.3 * 16_000)
    assert onset(samples[:9_600], 16_000) == pytest.approx(0.3, abs=0.01)


async def test_positions_go_on_through_seeks_and_pauses(ten_seconds: Path) -> None:
    source = await open_file(str(ten_seconds), PACED, position=1_000, clock=TestClock())
    blocks = source.blocks()
    got: list[AudioBlock] = []
    for place in (8, None, 0, 9.5):
        got += [await anext(blocks), await anext(blocks)]
        if place is None:
            source.pause()
        else:
            source.seek(place)
        source.resume()
    got += [block async for block in blocks]
    await source.aclose()
    assert got[0].position == 1_000
    assert [block.position for block in got[1:]] == [block.end for block in got[:-1]]
    assert source.elapsed == source.duration == 10.0


async def test_a_place_beyond_the_end_is_the_end_and_one_before_the_start_is_the_start(ten_seconds: Path) -> None:
    source = await open_file(str(ten_seconds), FAST)
    assert isinstance(source, Playable)
    blocks = source.blocks()
    await anext(blocks)
    source.seek(-3)
    assert source.elapsed == 0
    assert (await anext(blocks)).position == 1_600
    assert source.elapsed == pytest.approx(0.1)
    source.seek(99)
    assert source.elapsed == 10
    assert await collected(blocks) is not None
    assert (source.elapsed, source.duration) == (10, 10)
    await source.aclose()


async def test_the_last_block_may_be_followed_by_a_restart(ten_seconds: Path) -> None:
    source = await open_file(str(ten_seconds), FAST)
    blocks = source.blocks()
    for _ in range(100):
        last = await anext(blocks)
    source.seek(0)
    again = await anext(blocks)
    assert again.position == last.end
    assert source.elapsed == pytest.approx(0.1)
    await source.aclose()


async def test_a_place_sought_while_paused_is_told_at_once_and_played_on_resuming(ten_seconds: Path) -> None:
    source = await open_file(str(ten_seconds), PACED, clock=TestClock())
    blocks = source.blocks()
    await anext(blocks)
    source.pause()
    waiting = asyncio.ensure_future(anext(blocks))
    source.seek(5)
    assert source.elapsed == 5
    await asyncio.wait({waiting}, timeout=0.1)
    assert not waiting.done()
    source.resume()
    assert (await waiting).position == 1_600
    assert source.elapsed == pytest.approx(5.1)
    await source.aclose()


@pytest.mark.parametrize("state", ["waiting for its time", "paused", "not yet begun", "at its end"])
async def test_closing_ends_the_blocks_from_any_state(ten_seconds: Path, state: str) -> None:
    source: Playback = await open_file(str(ten_seconds), AudioFormat(block_ms=1_000, real_time=state != "at its end"))
    if state == "paused":
        source.pause()
    if state == "at its end":
        await collected(source.blocks())
    if state in ("waiting for its time", "paused"):
        taking = asyncio.ensure_future(collected(source.blocks()))
        await asyncio.wait({taking}, timeout=0.05)
        start = time.monotonic()
        await source.aclose()
        assert len(await taking) == 0
        assert time.monotonic() - start < 0.5
    await source.aclose()
    await source.aclose()
    if state == "not yet begun":
        assert len(await collected(source.blocks())) == 0


async def test_the_event_loop_is_not_held_up_by_decoding(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", tone(440, 60, 48_000, channels=2), 48_000, "flac")
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)

    source = await open_file(str(path), FAST)
    watching = asyncio.ensure_future(watch())
    await collected(source.blocks())
    watching.cancel()
    await source.aclose()
    assert longest < 0.1
