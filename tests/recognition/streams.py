"""What the tests of streams share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from captions.audio.block import Samples
from captions.recognition.dialect import Dialect
from captions.recognition.recognizer import Hypothesis, RecognitionOptions, RecognitionStream, Recognizer
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from tests.scripted_server import CONTRACT_V2, CONTRACT_V3, Contract, Script, ScriptedServer

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


async def finals_of(stream: RecognitionStream) -> list[str]:
    """Return the texts of all finals to the stream's end."""
    return [hypothesis.text for hypothesis in await all_of(stream) if hypothesis.final]


def v2_at(target: str, **how: Any) -> RemoteRecognizer:
    """Return a recogniser of SpeechKit v2 at an address."""
    return RemoteRecognizer(SPEECHKIT_V2, target, **how)


@dataclass(frozen=True, slots=True)
class Service:
    """A service from both sides: how this program speaks to it, and what a scripted server of it is."""

    dialect: Dialect
    contract: Contract

    def at(self, target: str, **how: Any) -> RemoteRecognizer:
        """Return a recogniser at an address."""
        return RemoteRecognizer(self.dialect, target, **how)

    def server(self, *scripts: Script, **how: Any) -> ScriptedServer:
        """Return a scripted server, to be entered."""
        return ScriptedServer(*scripts, contract=self.contract, **how)

    def __str__(self) -> str:
        return self.dialect.kind


V2 = Service(SPEECHKIT_V2, CONTRACT_V2)
V3 = Service(SPEECHKIT_V3, CONTRACT_V3)
with_each_service = pytest.mark.parametrize("service", [V2, V3], ids=str)
"""On a test of what all have in common; it takes `service`."""


@asynccontextmanager
async def recognizer_at(target: str, service: Service = V2) -> AsyncIterator[RemoteRecognizer]:
    """Give a recogniser at a plaintext address, and close it."""
    recognizer = service.at(target, tls=False)
    try:
        yield recognizer
    finally:
        await recognizer.aclose()


@asynccontextmanager
async def stream_to(server: ScriptedServer, options: RecognitionOptions = ENGLISH) -> AsyncIterator[RecognitionStream]:
    """Give a stream to a scripted server, and drop it in the end."""
    service = next(service for service in (V2, V3) if service.contract is server.contract)
    async with recognizer_at(server.target, service) as recognizer, opened(recognizer, options) as stream:
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
