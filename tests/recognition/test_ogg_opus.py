"""Ogg Opus made as the sound comes."""

import asyncio
import io

import av
import numpy as np
import pytest

from captions.audio.block import Samples
from captions.audio.ogg_opus import OggOpusEncoder
from captions.recognition.recognizer import Encoding, RecognitionOptions
from tests.recognition.streams import all_of, stream_to, tone
from tests.scripted_server import ScriptedServer, ServedStream

DECODED_RATE = 48_000
"""What Opus decodes to, whatever was put in."""


def decoded(data: bytes) -> Samples:
    """Decode a whole Ogg Opus stream."""
    with av.open(io.BytesIO(data), "r") as container:
        assert container.format.name == "ogg"
        assert container.streams.audio[0].codec_context.name in {"opus", "libopus"}
        resampler = av.AudioResampler("s16", "mono", DECODED_RATE)
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)


def loudest_hertz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64)))
    return float(np.argmax(spectrum)) * DECODED_RATE / len(samples)


def encoded(samples: Samples, rate: int, block: int) -> list[bytes]:
    """Return what leaves with each block, and at last with the end."""
    encoder = OggOpusEncoder(rate)
    parts = [encoder.encode(samples[start : start + block]) for start in range(0, len(samples), block)]
    return [*parts, encoder.finish()]


@pytest.mark.parametrize("block_ms", [20, 33, 100, 1000])
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_what_was_put_in_comes_out_as_long_as_it_was(rate: int, block_ms: int) -> None:
    sound = tone(2.345, rate)
    result = decoded(b"".join(encoded(sound, rate, rate * block_ms // 1000)))
    assert abs(len(result) / DECODED_RATE - 2.345) < 0.001
    assert loudest_hertz(result) == pytest.approx(440, abs=2)
    loudness = float(np.sqrt(np.mean(result.astype(np.float64) ** 2)))
    assert loudness == pytest.approx(16_384 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_block_leaves_with_all_but_its_last_frame(rate: int) -> None:
    encoder = OggOpusEncoder(rate)
    sent = b""
    for blocks in range(1, 21):
        sent += encoder.encode(tone(0.1, rate))
        with av.open(io.BytesIO(sent), "r") as container:
            received = sum(float(packet.duration or 0) for packet in container.demux(audio=0)) / DECODED_RATE
        assert 0 <= blocks * 0.1 - received <= 0.0201 + 0.0066, "one frame and the codec's look-ahead"


def test_sound_takes_less_than_a_sixth_of_the_bytes_of_pcm() -> None:
    rng = np.random.default_rng(1)
    time = np.arange(16_000 * 10) / 16_000
    voiced = np.sin(2 * np.pi * (120 * time + 3 * np.sin(2 * np.pi * 2 * time))) * (np.sin(2 * np.pi * 3 * time) > 0)
    speechlike = (voiced * 8_000 + rng.normal(0, 100, len(time))).astype(np.int16)
    assert len(b"".join(encoded(speechlike, 16_000, 1_600))) < speechlike.nbytes / 6


def test_without_sound_there_is_nothing_to_send() -> None:
    encoder = OggOpusEncoder(16_000)
    assert encoder.encode(tone(0, 16_000)) == b""
    assert encoder.finish() == b""


async def test_a_stream_in_opus_names_it_and_is_whole_on_the_other_side() -> None:
    async def listen(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()

    options = RecognitionOptions(audio_encoding=Encoding.OGG_OPUS, sample_rate_hertz=16_000)
    sound = tone(1.5, 16_000, hertz=1_000)
    async with ScriptedServer(listen) as server, stream_to(server, options) as stream:
        for start in range(0, len(sound), 1_600):
            await stream.send(sound[start : start + 1_600])
        await stream.half_close()
        assert await asyncio.wait_for(all_of(stream), 10) == []
        [served] = server.streams
        assert served.settings is not None
        assert served.settings.specification.audio_encoding == 2
        assert served.settings.specification.sample_rate_hertz == 0
        assert len(served.messages) == 16
        result = decoded(served.received)
        assert abs(len(result) / DECODED_RATE - 1.5) < 0.001
        assert loudest_hertz(result) == pytest.approx(1_000, abs=2)
