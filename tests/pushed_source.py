"""A source whose sound a test pushes, block by block."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from captions.audio.block import AudioBlock, Samples
from captions.audio.source import AudioFormat
from captions.errors import InputError


class PushedSource:
    """Delivers what was pushed; positions are counted here as every source counts them."""

    kind = "file"
    live = False

    def __init__(self, name: str, audio_format: AudioFormat, position: int) -> None:
        self.name = name
        self.paused = False
        self.closed = False
        self.format = audio_format
        self._position = position
        self._pushed: asyncio.Queue[Samples | InputError | None] = asyncio.Queue()

    def push(self, samples: Samples) -> None:
        """Deliver one block."""
        self._pushed.put_nowait(samples)

    def push_seconds(self, seconds: float) -> None:
        """Deliver silence in blocks."""
        for _ in range(round(seconds * 1000 / self.format.block_ms)):
            self.push(np.zeros(self.format.block_samples, np.int16))

    def end(self, error: InputError | None = None) -> None:
        """End the sound, or break it off."""
        self._pushed.put_nowait(error)

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        while (pushed := await self._pushed.get()) is not None:
            if isinstance(pushed, InputError):
                raise pushed
            block = AudioBlock(pushed, self._position, self.format.rate)
            self._position = block.end
            yield block

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    async def aclose(self) -> None:
        self.closed = True


class Inputs:
    """Opens a `PushedSource` for every name, and remembers them. A name in `missing` cannot be opened."""

    def __init__(self, *missing: str) -> None:
        self.missing = missing
        self.opened: asyncio.Queue[PushedSource] = asyncio.Queue()

    async def open(self, name: str, audio_format: AudioFormat, position: int) -> PushedSource:
        if name in self.missing:
            raise InputError(f"There is no {name}.", "Choose another input.")
        source = PushedSource(name, audio_format, position)
        self.opened.put_nowait(source)
        return source
