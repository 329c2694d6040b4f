"""Files of every kind are read as mono sound, and what cannot be read is told in a sentence."""

import asyncio
import os
import socket
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from captions.audio.decoder import Decoder
from captions.audio.file import MediaFile
from captions.audio.media import open_file, open_sample
from captions.audio.source import AudioFormat, Playable, open_source
from captions.errors import InputError
from tests.audio.tones import collected, encode, loudest_frequency, rms, tone, write_pcm

FAST = AudioFormat(real_time=False)

KINDS = {
    "wav, 8 bit": ("a.wav", "pcm_u8", 11_025, 1, False),
    "wav, 16 bit": ("a.wav", "pcm_s16le", 16_000, 1, False),
    "wav, 24 bit": ("a.wav", "pcm_s24le", 44_100, 2, False),
    "wav, 32 bit": ("a.wav", "pcm_s32le", 48_000, 2, False),
    "wav, float": ("a.wav", "pcm_f32le", 96_000, 2, False),
    "wav, double": ("a.wav", "pcm_f64le", 22_050, 1, False),
    "wav, six channels": ("a.wav", "pcm_s16le", 48_000, 6, False),
    "wav, a-law": ("a.wav", "pcm_alaw", 8_000, 1, False),
    "flac": ("a.flac", "flac", 44_100, 2, False),
    "ogg with opus": ("a.ogg", "libopus", 48_000, 2, False),
    "ogg with opus, narrow band": ("a.opus", "libopus", 8_000, 1, False),
    "mp3": ("a.mp3", "libmp3lame", 44_100, 2, False),
    "m4a": ("a.m4a", "aac", 44_100, 2, False),
    "aac without a container": ("a.aac", "aac", 48_000, 1, False),
    "mkv with pictures": ("a.mkv", "aac", 48_000, 2, True),
    "mp4 with pictures": ("a.mp4", "aac", 44_100, 2, True),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_file_gives_its_tone_at_its_level_for_its_length(kind: str, tmp_path: Path) -> None:
    name, codec, rate, channels, video = KINDS[kind]
    path = encode(tmp_path / name, tone(440, 2.0, rate, channels=channels), rate, codec, video=video)

    source = await open_file(str(path), FAST)
    samples = await collected(source.blocks())
    await source.aclose()

    middle = samples[4_000:28_000]
    assert loudest_frequency(middle, 16_000) == pytest.approx(440, abs=1)
    assert 20 * np.log10(rms(middle) / (0.5 / np.sqrt(2))) == pytest.approx(0, abs=0.5)
    assert len(samples) / 16_000 == pytest.approx(2.0, abs=0.1)
    assert source.kind == "file"
    assert source.name == name
    assert source.duration == source.elapsed == len(samples) / 16_000


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
async def test_a_file_comes_at_the_rate_and_in_the_blocks_asked_for(rate: int, tmp_path: Path) -> None:
    path = encode(tmp_path / "a.flac", tone(440, 1.05, 44_100), 44_100, "flac")

    source = await open_file(str(path), AudioFormat(rate=rate, block_ms=20, real_time=False), position=777)
    blocks = [block async for block in source.blocks()]
    await source.aclose()

    assert {block.rate for block in blocks} == {rate}
    assert {len(block.samples) for block in blocks[:-1]} == {rate // 50}
    assert 0 < len(blocks[-1].samples) <= rate // 50
    assert blocks[0].position == 777
    assert blocks[-1].end - 777 == pytest.approx(1.05 * rate, abs=2)
    assert loudest_frequency(np.concatenate([block.samples for block in blocks]), rate) == pytest.approx(440, abs=1)


async def test_a_headerless_file_is_read_as_the_settings_say(tmp_path: Path) -> None:
    telephone = write_pcm(tmp_path / "telephone.pcm", tone(440, 1.0, 8_000))
    stereo = write_pcm(tmp_path / "stereo.RAW", tone(440, 1.0, 44_100, channels=2))

    for path, audio_format in (
        (telephone, FAST),
        (stereo, AudioFormat(real_time=False, pcm_rate=44_100, pcm_channels=2)),
    ):
        source = await open_file(str(path), audio_format)
        assert source.duration == pytest.approx(1.0)
        samples = await collected(source.blocks())
        await source.aclose()
        assert len(samples) == pytest.approx(16_000, abs=2)
        assert loudest_frequency(samples, 16_000) == pytest.approx(440, abs=1)


async def test_half_a_sample_at_the_end_of_a_headerless_file_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "odd.pcm"
    path.write_bytes(b"\x00\x10" * 8_000 + b"\x01")

    source = await open_file(str(path), AudioFormat(rate=8_000, real_time=False))

    assert len(await collected(source.blocks())) == 8_000
    await source.aclose()


async def test_what_is_in_one_of_two_channels_is_heard_at_half_its_amplitude(tmp_path: Path) -> None:
    sound = tone(440, 1.0, 16_000, channels=2)
    sound[1] = 0
    path = encode(tmp_path / "left.wav", sound, 16_000, "pcm_s16le")

    source = await open_file(str(path), FAST)
    samples = await collected(source.blocks())
    await source.aclose()

    assert rms(samples) == pytest.approx(0.25 / np.sqrt(2), rel=0.01)


@pytest.mark.parametrize("channels", [3, 9, 24])
async def test_channels_without_known_places_are_mixed_evenly(channels: int, tmp_path: Path) -> None:
    sound = np.zeros((44_100, channels))
    sound[:, -1] = tone(440, 1.0, 44_100, amplitude=0.9)[0]
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())

    source = await open_file(str(tmp_path / "a.wav"), FAST)
    samples = await collected(source.blocks())
    await source.aclose()

    assert rms(samples) == pytest.approx(0.9 / channels / np.sqrt(2), rel=0.02)


CUT = {"wav": ("a.wav", "pcm_s16le"), "flac": ("a.flac", "flac"), "ogg": ("a.ogg", "libopus"),
       "mp3": ("a.mp3", "libmp3lame"), "mkv": ("a.mkv", "aac")}  # fmt: skip


@pytest.mark.parametrize("kind", CUT)
async def test_a_file_cut_short_plays_what_is_there_and_then_says_how_long_that_was(kind: str, tmp_path: Path) -> None:
    name, codec = CUT[kind]
    path = encode(tmp_path / name, tone(440, 20.0, 48_000), 48_000, codec)
    os.truncate(path, path.stat().st_size // 2)

    source = await open_file(str(path), FAST)
    samples = await collected(source.blocks())
    await source.aclose()

    assert len(samples) / 16_000 == pytest.approx(10.0, abs=1.0)
    assert loudest_frequency(samples[:16_000], 16_000) == pytest.approx(440, abs=1)
    assert source.duration == len(samples) / 16_000


@pytest.mark.parametrize("kind", ["flac", "ogg", "mp3", "mkv"])
async def test_what_is_broken_in_the_middle_of_a_file_is_passed_over(kind: str, tmp_path: Path) -> None:
    name, codec = CUT[kind]
    path = encode(tmp_path / name, tone(440, 20.0, 48_000), 48_000, codec)
    data = bytearray(path.read_bytes())
    middle, length = len(data) // 2, len(data) // 20
    data[middle : middle + length] = np.random.default_rng(1).bytes(length)
    path.write_bytes(data)

    source = await open_file(str(path), FAST)
    samples = await collected(source.blocks())
    await source.aclose()

    assert len(samples) / 16_000 == pytest.approx(20, abs=1.2)  # silence stands for what cannot be read
    assert loudest_frequency(samples[-48_000:-16_000], 16_000) == pytest.approx(440, abs=1)


async def test_where_a_recording_paused_there_is_silence_and_what_follows_keeps_its_place(tmp_path: Path) -> None:
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start in (0, 5):
            samples = np.round(tone(440, 2.0, 16_000) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, start * 16_000, Fraction(1, 16_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    source = await open_file(str(tmp_path / "a.mkv"), FAST)
    samples = await collected(source.blocks())
    await source.aclose()

    seconds = [rms(samples[second * 16_000 : (second + 1) * 16_000]) > 0.3 for second in range(7)]
    assert seconds == [True, True, False, False, False, True, True]


def test_damage_is_not_reported_behind_our_back(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", tone(440, 5.0, 48_000), 48_000, "libmp3lame")
    data = bytearray(path.read_bytes())
    data[20_000:30_000] = bytes(10_000)
    path.write_bytes(data)
    program = (
        "import sys; from captions.audio.decoder import Decoder; from captions.audio.file import MediaFile\n"
        "decoder = Decoder(MediaFile(sys.argv[1], 8_000, 1), 16_000)\n"
        "while len(decoder.read(16_000)): pass\n"
        "print('read')"
    )

    ran = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60)

    assert (ran.stdout, ran.stderr) == ("read\n", "")


async def said(path: Path | str, audio_format: AudioFormat = FAST) -> InputError:
    with pytest.raises(InputError) as caught:
        await open_source(str(path), audio_format)
    assert str(path).replace("\x1b", "") in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in str(caught.value)
    return caught.value


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "There is no file" in str(await said(tmp_path / "missing.wav"))


async def test_a_folder_is_told(tmp_path: Path) -> None:
    assert "is a folder" in str(await said(tmp_path))


async def test_an_empty_file_is_told(tmp_path: Path) -> None:
    for name in ("empty.wav", "empty.pcm"):
        (tmp_path / name).touch()
        assert "is empty" in str(await said(tmp_path / name))


async def test_a_file_with_a_header_and_no_sound_is_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(440, 0.1, 16_000), 16_000, "pcm_s16le")
    os.truncate(path, 44 + 34)  # the header and FFmpeg's mark are all that is left
    assert "has no sound in it" in str(await said(path))


async def test_a_file_that_is_not_sound_is_told(tmp_path: Path) -> None:
    for name, data in (
        ("notes.txt", b"Not a sound.\n" * 200),
        ("program.py", b"print('hello')\n" * 200),
        ("noise.bin", np.random.default_rng(2).bytes(100_000)),
        ("stub.wav", b"RIFF"),
        ("stub.m4a", b"\x00\x00\x00\x20ftypM4A "),
    ):
        (tmp_path / name).write_bytes(data)
        message = str(await said(tmp_path / name))
        assert "cannot be read as sound" in message or "no sound in it" in message


async def test_a_film_without_sound_is_told(tmp_path: Path) -> None:
    with av.open(tmp_path / "silent.mkv", "w") as container:
        pictures = container.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), dtype=np.uint8), format="rgb24")
        container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))

    assert "has no sound in it" in str(await said(tmp_path / "silent.mkv"))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are told by users' numbers")
async def test_a_file_that_must_not_be_read_is_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "secret.wav", tone(440, 0.1, 16_000), 16_000, "pcm_s16le")
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:  # nothing is forbidden to root
            os.seteuid(65_534)
        assert "must not be read" in str(await said(path))
    finally:
        os.seteuid(user)


async def test_a_device_is_told_and_not_waited_for() -> None:
    async with asyncio.timeout(10):
        assert "/dev/zero is not a file" in str(await said("/dev/zero"))


@pytest.mark.parametrize("name", ["a\x00b.wav", "x" * 300 + ".wav", "\x1b[31mred.wav", ""])
async def test_an_impossible_name_is_told(name: str) -> None:
    with pytest.raises(InputError) as caught:
        await open_file(name, FAST)
    assert "\x1b" not in str(caught.value)


async def test_the_name_on_the_screen_is_plain_text(tmp_path: Path) -> None:
    path = encode(tmp_path / "red\x1b[31m.wav", tone(440, 0.1, 16_000), 16_000, "pcm_s16le")
    source = await open_file(str(path), FAST)
    await source.aclose()
    assert source.name == "red[31m.wav"


async def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encode(tmp_path / "a.wav", tone(440, 0.1, 16_000), 16_000, "pcm_s16le")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    source = await open_file("~/a.wav", FAST)
    await source.aclose()
    assert "There is no file" in str(await said("~nobody-of-this-name/a.wav"))


async def test_ffmpegs_own_names_are_only_files_that_are_not_there(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(440, 0.1, 16_000), 16_000, "pcm_s16le")
    for name in (f"concat:{path}|{path}", f"file:{path}", f"crypto:{path}", f"subfile,,start,0,end,0,,:{path}"):
        assert "There is no file" in str(await said(name))


async def test_a_playlist_leads_neither_to_an_address_nor_to_another_file(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(440, 0.1, 16_000), 16_000, "pcm_s16le")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        for target in (path.name, str(path), f"http://127.0.0.1:{port}/a.ts", f"tcp://127.0.0.1:{port}"):
            (tmp_path / "list.m3u8").write_text(
                f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"
            )
            (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile '{target}'\n")
            for playlist in ("list.m3u8", "list.ffconcat"):
                assert "cannot be read as sound" in str(await said(tmp_path / playlist))
        with pytest.raises(BlockingIOError):
            server.accept()


async def test_an_hour_is_read_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        minute = np.round(tone(440, 60, 8_000)[0] * 32767).astype("<i2").tobytes()
        for _ in range(60):
            file.writeframes(minute)
    source = await open_file(str(path), FAST)
    process, early, late, end = psutil.Process(), 0, 0, 0

    async for block in source.blocks():
        end = block.end
        if block.position % (60 * 16_000) == 0:
            used = process.memory_info().rss
            early, late = (max(early, used), late) if end < 600 * 16_000 else (early, max(late, used))
    await source.aclose()

    assert end == pytest.approx(3_600 * 16_000, abs=100)
    assert late - early < 10_000_000


async def test_the_sample_is_there() -> None:
    pytest.importorskip("moonshine_voice", reason="the sample comes with the extra `local`")

    source = await open_source("sample", FAST)

    assert isinstance(source, Playable)
    assert (source.kind, source.name) == ("sample", "sample (A Tale of Two Cities)")
    assert rms(await collected(source.blocks())) > 0.01
    assert source.elapsed > 30
    await source.aclose()


async def test_where_the_sample_is_not_there_it_is_told_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"captions\[local\]"):
        await open_sample(FAST)


def test_reading_a_file_on_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wav", tone(440, 60.0, 48_000), 48_000, "pcm_s16le")
    media = MediaFile(str(path), 8_000, 1)
    decoder = Decoder(media, 16_000)
    os.dup2(os.open(tmp_path, os.O_RDONLY), media._file.fileno())  # reading a folder fails as a broken disk does

    def read_it() -> None:
        while len(decoder.read(16_000)):
            pass

    with pytest.raises(InputError, match="broke off"):
        read_it()
    decoder.close()
