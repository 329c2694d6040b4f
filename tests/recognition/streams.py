"""What the tests of streams share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from captions.audio.block import Samples
from captions.recognition.recognizer import Hypothesis, RecognitionOptions, RecognitionStream, Recognizer
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from tests.scripted_server import ScriptedServer

BLOCK = 1_600
"""Samples in 100 ms at 16 kHz."""
ENGLISH = RecognitionOptions(language_code="en-US")


def noise(samples: int, seed: int = 1) -> Samples:
    """Return noise over the whole range of int16, the same for the same seed."""
    return np.random.default_rng(seed).integers(-32_768, 32_768, samples, dtype=np.int16)


def tone(seconds: float, rate: int, hertz: float = 440.0) -> Samples:
    """Return a tone at half of full scale."""
    time = np.arange(round(seconds * rate)) / rate
    return (np.sin(2 * np.pi * hertz * time) * 16_384).astype(np.int16)


async def hypotheses_of(stream: RecognitionStream) -> AsyncIterator[Hypothesis]:
    """Yield all hypotheses to the stream's end, without remarks."""
    async for result in stream.results():
        if isinstance(result, Hypothesis):
            yield result


async def all_of(stream: RecognitionStream) -> list[Hypothesis]:
    """Return all hypotheses to the stream's end."""
    return [hypothesis async for hypothesis in hypotheses_of(stream)]


async def texts_of(stream: RecognitionStream) -> list[str]:
    """Return the texts of all hypotheses to the stream's end."""
    return [hypothesis.text for hypothesis in await all_of(stream)]


def v2_at(target: str, **how: Any) -> RemoteRecognizer:
    """Return a recogniser of SpeechKit v2 at an address."""
    return RemoteRecognizer(SPEECHKIT_V2, target, **how)


@asynccontextmanager
async def recognizer_at(target: str) -> AsyncIterator[RemoteRecognizer]:
    """Give a recogniser at a plaintext address, and close it."""
    recognizer = v2_at(target, tls=False)
    try:
        yield recognizer
    finally:
        await recognizer.aclose()


@asynccontextmanager
async def stream_to(server: ScriptedServer, options: RecognitionOptions = ENGLISH) -> AsyncIterator[RecognitionStream]:
    """Give a stream to a scripted server, and drop it in the end."""
    async with recognizer_at(server.target) as recognizer, opened(recognizer, options) as stream:
        yield stream


@asynccontextmanager
async def opened(recognizer: Recognizer, options: RecognitionOptions = ENGLISH) -> AsyncIterator[RecognitionStream]:
    """Open a stream, and drop it in the end."""
    stream = await recognizer.open(options)
    try:
        yield stream
    finally:
        await stream.cancel()


async def until(task: "asyncio.Task[Any]", seconds: float = 10.0) -> None:
    """Wait for a task without cancelling it when it is late."""
    done, _ = await asyncio.wait({task}, timeout=seconds)
    assert done, f"not done within {seconds} s"
