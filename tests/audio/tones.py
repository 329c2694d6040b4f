"""Sound made of sines, files of every kind made from it, and what can be told of what comes out again."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from captions.audio.block import AudioBlock, Samples

Channels = NDArray[np.float64]
"""Shape (channels, samples), full scale is 1."""

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def tone(frequency: float, seconds: float, rate: int, amplitude: float = 0.5, channels: int = 1) -> Channels:
    """Return a sine, the same in every channel."""
    sine = amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)
    return np.tile(sine, (channels, 1))


def encode(path: Path, sound: Channels, rate: int, codec: str, *, video: bool = False) -> Path:
    """Write a file of the kind that its ending says, with pictures beside the sound if asked."""
    with av.open(path, "w") as container:
        layout = LAYOUTS[len(sound)]
        stream = container.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, AudioStream)
        pictures = container.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p") if video else None
        container.start_encoding()
        if pictures is not None:
            for _ in range(round(sound.shape[1] / rate * 10)):
                picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), dtype=np.uint8), format="rgb24")
                container.mux(pictures.encode(picture))
            container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, dtype=np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        context = stream.codec_context
        size = context.frame_size or 4096
        resampler = av.AudioResampler(format=context.format.name, layout=layout, rate=rate, frame_size=size)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def write_pcm(path: Path, sound: Channels) -> Path:
    """Write a headerless file: interleaved, signed 16 bit, little-endian."""
    path.write_bytes(np.round(sound.T * 32767).astype("<i2").tobytes())
    return path


async def collected(blocks: AsyncIterator[AudioBlock]) -> Samples:
    """Return all samples of a source, having checked that their positions have no holes."""
    pieces = [block async for block in blocks]
    for before, after in itertools.pairwise(pieces):
        assert after.position == before.end
    return np.concatenate([np.empty(0, dtype=np.int16), *(piece.samples for piece in pieces)])


def loudest_frequency(samples: Samples, rate: int) -> float:
    """Return the frequency, in Hz, that has most of the energy."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def rms(samples: Samples) -> float:
    """Return the root mean square, with full scale as 1."""
    return float(np.sqrt(np.mean(np.square(samples / 32768.0))))


def impurity(samples: Samples, frequency: float, rate: int) -> float:
    """Return what is left, in dB of the whole, after the best-fitting sine of that frequency is taken away.

    A click of one sample is enough to bring it from below -60 to above -40.
    """
    phase = 2 * np.pi * frequency * np.arange(len(samples)) / rate
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    wanted = samples.astype(np.float64)
    fit, *_ = np.linalg.lstsq(basis, wanted, rcond=None)
    return float(10 * np.log10(np.sum(np.square(wanted - basis @ fit)) / np.sum(np.square(wanted))))


class TestClock:
    """A clock for playback that passes only when somebody waits for it, or is late by `pass_by`."""

    __test__ = False

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        """Return the time."""
        return self.time

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Let the time pass, unless the event is set already."""
        if not event.is_set():
            self.time += seconds
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        """Let time pass without anybody waiting: whoever takes the blocks is slow."""
        self.time += seconds
