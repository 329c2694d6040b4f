"""Sound comes through standard input: all of it, at its place, whoever is slow."""

import asyncio
import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from captions.audio import pipe as pipe_module
from captions.audio.block import Samples
from captions.audio.live import LEAD_SECONDS, Live
from captions.audio.pipe import open_standard_input
from captions.audio.source import AudioFormat, Playable, open_source
from captions.errors import InputError
from tests.audio.listening import (
    FAST,
    LIVE,
    program,
    write_all,
)
from tests.audio.tones import TestClock, collected, encode, loudest_frequency, tone
from tests.tone_code import Spoken, ToneReader


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a pipe in the place of standard input; yield its writing end, which is the test's to close."""
    reading, writing = os.pipe()
    monkeypatch.setattr(pipe_module, "STANDARD_INPUT", reading)
    monkeypatch.setattr(pipe_module, "_kept", None)
    yield writing
    os.close(reading)  # which ends whoever still writes


def words_in(samples: Samples) -> list[tuple[str, float, float]]:
    reader = ToneReader()
    return [(word.text, word.start, word.end) for word in [*reader.hear(samples), *reader.finish()]]


def assert_heard(samples: Samples, talk: Spoken, within: float = 0.005) -> None:
    """Check that every word is there, at its time."""
    heard = words_in(samples)
    assert [text for text, _, _ in heard] == [word.text for word in talk.words]
    for (_, start, end), word in zip(heard, talk.words, strict=True):
        assert start == pytest.approx(word.start, abs=within)
        assert end == pytest.approx(word.end, abs=within)


def contained(talk: Spoken, name: str, codec: str, folder: Path, rate: int = 16_000) -> bytes:
    sound = (talk.samples / 32768.0).reshape(1, -1)
    return encode(folder / name, sound, rate, codec).read_bytes()


async def test_samples_come_out_as_they_went_in(standard_input: int, talk: Spoken) -> None:
    write_all(standard_input, talk.samples.tobytes())
    source = await open_source("-", FAST, 500)
    blocks = [block async for block in source.blocks()]
    await source.aclose()

    assert (source.kind, source.name, source.live) == ("pipe", "standard input", False)
    assert not isinstance(source, Playable)
    assert blocks[0].position == 500
    assert all(before.end == after.position for before, after in itertools.pairwise(blocks))
    assert {len(block.samples) for block in blocks[:-1]} == {1_600}
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), talk.samples)


async def test_samples_that_come_in_crumbs_are_put_together(standard_input: int, talk: Spoken) -> None:
    chance = random.Random(1)
    write_all(standard_input, talk.samples.tobytes(), iter(lambda: chance.choice((1, 3, 7, 1_000, 9_999)), 0))
    source = await open_source("-", FAST)
    assert np.array_equal(await collected(source.blocks()), talk.samples)
    await source.aclose()


async def test_samples_at_other_rates_and_of_several_channels_are_read_as_the_settings_say(
    standard_input: int, talk: Spoken
) -> None:
    stereo = np.repeat(np.repeat(talk.samples, 3), 2)  # 48 kHz, crudely
    write_all(standard_input, stereo.tobytes() + b"\x01")  # and half a sample, which is left out
    source = await open_source("-", AudioFormat(real_time=False, pcm_rate=48_000, pcm_channels=2))
    samples = await collected(source.blocks())
    await source.aclose()
    assert len(samples) == pytest.approx(len(talk.samples), abs=2)
    assert_heard(samples, talk)


CONTAINERS = {
    "wav": ("a.wav", "pcm_s16le", 0.005),
    "aiff": ("a.aiff", "pcm_s16be", 0.005),
    "au": ("a.au", "pcm_s16be", 0.005),
    "flac": ("a.flac", "flac", 0.005),
    "ogg": ("a.ogg", "libopus", 0.03),
    "webm": ("a.webm", "libopus", 0.03),
    "mkv": ("a.mkv", "pcm_s16le", 0.005),
    "mp3": ("a.mp3", "libmp3lame", 0.1),
    "aac": ("a.aac", "aac", 0.15),
    "ts": ("a.ts", "aac", 0.15),
}


@pytest.mark.parametrize("kind", CONTAINERS)
async def test_every_container_is_known_by_how_it_begins(
    kind: str, standard_input: int, talk: Spoken, tmp_path: Path
) -> None:
    name, codec, within = CONTAINERS[kind]
    encode(tmp_path / name, tone(440, 5.0, 16_000), 16_000, codec)
    write_all(standard_input, (tmp_path / name).read_bytes())
    source = await open_source("-", FAST)
    samples = await collected(source.blocks())
    await source.aclose()
    assert len(samples) / 16_000 == pytest.approx(5.0, abs=within)
    assert loudest_frequency(samples, 16_000) == pytest.approx(440, abs=1)


@pytest.mark.parametrize(("name", "codec", "within"), [("a.wav", "pcm_s16le", 0.005), ("a.flac", "flac", 0.005)])
async def test_the_words_of_a_container_keep_their_places(
    name: str, codec: str, within: float, standard_input: int, talk: Spoken, tmp_path: Path
) -> None:
    write_all(standard_input, contained(talk, name, codec, tmp_path))
    source = await open_source("-", FAST)
    assert_heard(await collected(source.blocks()), talk, within)
    await source.aclose()


SAMPLES = {
    "silence": np.zeros(16_000, np.int16),
    "almost silence": np.full(16_000, -1, np.int16),
    "noise": np.random.default_rng(3).integers(-9_000, 9_000, 16_000).astype(np.int16),
    "what begins as mp3 does": np.concatenate([np.array([-1_025], np.int16), np.zeros(15_999, np.int16)]),
    "what begins as a transport stream does": np.full(16_000, 0x0047, np.int16),
}


@pytest.mark.parametrize("kind", SAMPLES)
async def test_samples_are_not_taken_for_a_container(kind: str, standard_input: int) -> None:
    write_all(standard_input, SAMPLES[kind].tobytes())
    source = await open_source("-", FAST)
    assert np.array_equal(await collected(source.blocks()), SAMPLES[kind])
    await source.aclose()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Standard input has ended without any sound"),
        (b"hello\n", "Standard input holds text, not sound"),
        (b"arecord: main:831: audio open error: No such file or directory\n", "Standard input holds text, not sound"),
        ("<html>Страница не найдена</html>\n".encode() * 20, "Standard input holds text"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "Standard input holds text"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(7), "Standard input cannot be read as sound or video"),
        (b"OggS" + bytes(1_000), "Standard input"),
    ],
)
async def test_what_is_no_sound_is_told_in_a_sentence(data: bytes, message: str, standard_input: int) -> None:
    write_all(standard_input, data)
    source = await open_source("-", FAST)
    with pytest.raises(InputError, match=message) as caught:
        await collected(source.blocks())
    await source.aclose()
    assert caught.value.hint


async def test_a_container_that_breaks_off_gives_what_came(standard_input: int, talk: Spoken, tmp_path: Path) -> None:
    data = contained(talk, "a.wav", "pcm_s16le", tmp_path)
    write_all(standard_input, data[: len(data) // 2])
    source = await open_source("-", FAST)
    samples = await collected(source.blocks())
    await source.aclose()
    assert len(samples) == pytest.approx(len(talk.samples) / 2, abs=3_000)
    assert np.array_equal(samples, talk.samples[: len(samples)])


async def test_the_keyboard_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_module, "_kept", None)
    terminal, keyboard = os.openpty()
    monkeypatch.setattr(pipe_module, "STANDARD_INPUT", keyboard)
    with pytest.raises(InputError, match="Standard input is the keyboard"):
        await open_source("-", LIVE)
    os.close(terminal)
    os.close(keyboard)


async def test_nothing_is_read_that_nobody_takes_so_the_writer_waits(standard_input: int) -> None:
    sound = np.random.default_rng(5).integers(-9_000, 9_000, 600_000).astype(np.int16)
    writer = write_all(standard_input, sound.tobytes())
    source = await open_source("-", FAST)
    blocks = source.blocks()
    first = await anext(blocks)
    await asyncio.to_thread(writer.join, 0.3)
    assert writer.is_alive()

    rest = await collected(blocks)
    await source.aclose()
    assert np.array_equal(np.concatenate([first.samples, rest]), sound)


async def test_what_comes_at_the_pace_of_sound_is_heard_at_once(standard_input: int) -> None:
    source = await open_source("-", LIVE)
    blocks = source.blocks()
    for number in range(20):
        os.write(standard_input, np.full(1_600, number, np.int16).tobytes())
        block = await asyncio.wait_for(anext(blocks), 5)
        assert set(block.samples) == {number}
    os.close(standard_input)
    await source.aclose()


async def test_a_recording_in_a_pipe_is_held_up_to_the_pace_of_sound(standard_input: int) -> None:
    clock = TestClock()
    write_all(standard_input, np.zeros(16_000 * 60, np.int16).tobytes())
    source = open_standard_input(LIVE, 0, clock=clock)
    start = clock.time
    assert len(await collected(source.blocks())) == 16_000 * 60
    assert clock.time - start == pytest.approx(60 - LEAD_SECONDS, abs=0.2)
    await source.aclose()


async def thrown_away(source: Live, until: float) -> None:
    """Wait until a paused source has thrown away all sound up to a time on its clock."""
    while source._paused_at is None or source._paused_at < until - 1e-6:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_what_is_said_during_a_pause_is_not_heard_and_the_position_stands(standard_input: int) -> None:
    clock = TestClock()
    source = open_standard_input(LIVE, 0, clock=clock)
    blocks = source.blocks()
    os.write(standard_input, np.full(1_600, 1, np.int16).tobytes())
    before = await anext(blocks)

    source.pause()
    waiting = asyncio.ensure_future(anext(blocks))
    for _ in range(10):  # a second of it, which takes a second
        os.write(standard_input, np.full(1_600, 2, np.int16).tobytes())
    await thrown_away(source, 1_001.0)
    source.resume()
    os.write(standard_input, np.full(1_600, 3, np.int16).tobytes())

    after = await asyncio.wait_for(waiting, 5)
    assert set(after.samples) == {3}
    assert after.position == before.end
    os.close(standard_input)
    await source.aclose()


async def test_of_a_recording_a_pause_skips_only_as_much_as_it_lasts(standard_input: int) -> None:
    clock = TestClock()
    numbered = np.repeat(np.arange(600, dtype=np.int16), 1_600)
    write_all(standard_input, numbered.tobytes())
    source = open_standard_input(LIVE, 0, clock=clock)
    blocks = source.blocks()
    assert (await anext(blocks)).samples[0] == 0
    source.pause()
    waiting = asyncio.ensure_future(anext(blocks))
    await thrown_away(source, 1_005.0)
    source.resume()
    after = await asyncio.wait_for(waiting, 5)
    assert after.samples[0] == pytest.approx(51, abs=2)
    await source.aclose()


async def test_standard_input_goes_on_where_it_was_left_even_within_a_container(
    standard_input: int, talk: Spoken, tmp_path: Path
) -> None:
    data = contained(talk, "a.wav", "pcm_s16le", tmp_path)
    write_all(standard_input, data)
    first = await open_source("-", FAST)
    blocks = first.blocks()
    before = [(await anext(blocks)).samples for _ in range(50)]
    await first.aclose()

    second = await open_source("-", FAST, 7)
    rest = await collected(second.blocks())
    await second.aclose()
    samples = np.concatenate([*before, rest])
    assert np.array_equal(samples, talk.samples[: len(samples)])
    assert len(samples) == len(talk.samples)


async def test_standard_input_goes_on_at_another_rate(standard_input: int) -> None:
    hum = np.round(tone(440, 4.0, 16_000)[0] * 32767).astype(np.int16)
    write_all(standard_input, hum.tobytes())
    first = await open_source("-", FAST)
    blocks = first.blocks()
    for _ in range(20):
        await anext(blocks)
    await first.aclose()
    second = await open_source("-", AudioFormat(rate=48_000, real_time=False))
    samples = await collected(second.blocks())
    assert len(samples) == pytest.approx(2 * 48_000, abs=10)
    assert loudest_frequency(samples, 48_000) == pytest.approx(440, abs=1)


async def test_a_closed_source_leaves_what_it_waited_for_to_the_next_one(standard_input: int) -> None:
    first = await open_source("-", LIVE)
    waiting = asyncio.ensure_future(anext(first.blocks(), None))
    await asyncio.sleep(0)
    await asyncio.wait_for(first.aclose(), 1)
    assert await asyncio.wait_for(waiting, 1) is None
    second = await open_source("-", LIVE)
    os.write(standard_input, np.full(1_600, 9, np.int16).tobytes())
    assert set((await asyncio.wait_for(anext(second.blocks()), 5)).samples) == {9}
    os.close(standard_input)
    await second.aclose()


def test_a_redirected_file_is_heard_to_its_end(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(440, 3.0, 16_000), 16_000, "pcm_s16le")
    with path.open("rb") as file:
        assert program("-", stdin=file) == "48000"


def test_nothing_on_standard_input_is_told() -> None:
    assert program("-", stdin=subprocess.DEVNULL).startswith("Standard input has ended without any sound.")


def test_the_program_ends_while_the_writer_still_has_the_pipe_open() -> None:
    reading, writing = os.pipe()
    os.write(writing, bytes(6_400))
    start = time.monotonic()
    assert program("-", "and stop", stdin=reading) == "1600"
    assert time.monotonic() - start < 10
    os.close(reading)
    os.close(writing)


def test_a_real_writer_through_a_real_pipe(tmp_path: Path) -> None:
    writer = (
        "import sys, math, array\n"
        "for second in range(30): sys.stdout.buffer.write(array.array('h', [second] * 16_000).tobytes())"
    )
    with subprocess.Popen([sys.executable, "-c", writer], stdout=subprocess.PIPE) as writing:
        assert program("-", stdin=writing.stdout) == str(30 * 16_000)
