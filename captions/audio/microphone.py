"""A microphone, or what the machine plays, heard through PortAudio in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from captions.audio import portaudio
from captions.audio.block import AudioBlock, Samples
from captions.audio.source import AudioFormat
from captions.errors import InputError
from captions.plain_text import plain

OPENING_LIMIT = 10.0
"""Seconds within which a device must be open, or the attempt is given up."""

ANSWER_LIMIT = 5.0
"""Seconds without a word from the process that records after which it counts as hung, when they have passed twice:
once may only mean that this program itself stood still. It is longer than the process's own limits for its device."""


async def open_microphone(part: str, audio_format: AudioFormat, position: int) -> "Microphone":
    """Open the default microphone, or the one that `part` of its name means (see `devices.find_device`).

    It is recorded at its own rate where it cannot do the one asked for, and resampled. `position` is that of the
    first block. Raises InputError: PortAudio missing, no such device, several, busy, or no answer.
    """
    part = plain(part)

    def recorded() -> Awaitable[Recording]:
        return record(part, audio_format)

    return Microphone("microphone", recorded, audio_format, position, await recorded())


@dataclass(slots=True)
class Recording:
    """The process that records, from one opening of the device to its end."""

    process: asyncio.subprocess.Process
    shown: str
    """What it is called in errors."""
    name: str
    rate: int
    channels: int
    reading: asyncio.Lock
    """Held while a block is read, because a stream has one reader at a time."""
    released: bool = False
    failure: InputError | None = None
    """Why what comes now is not what was asked for."""
    watching: asyncio.Task[None] | None = None
    """What finds that out."""

    async def block(self) -> tuple[int, int, bytes]:
        """Return the next block as the process tells it: see `portaudio.HEADER`.

        Raises InputError when the sound broke off, with the reason.
        """
        async with self.reading:
            reading = asyncio.ensure_future(self._block())
            try:
                for _ in range(2):
                    if (await asyncio.wait({reading}, timeout=ANSWER_LIMIT))[0]:
                        if self.failure is not None:
                            raise self.failure
                        return reading.result()
                raise portaudio.silent(f"{self.shown} has stopped")
            finally:
                reading.cancel()
                await asyncio.wait({reading})

    async def _block(self) -> tuple[int, int, bytes]:
        stdout = self.process.stdout
        assert stdout is not None
        try:
            header = await stdout.readexactly(portaudio.HEADER.size)
            position, overflows, size = portaudio.HEADER.unpack(header)
            if size:
                return position, overflows, await stdout.readexactly(size)
        except asyncio.IncompleteReadError:
            raise portaudio.silent(f"{self.shown} has stopped") from None
        portaudio.parse(await stdout.readline())
        raise portaudio.silent(f"{self.shown} has stopped")

    def fail(self, failure: InputError) -> None:
        """Break the sound off, for this reason: no block is delivered any more."""
        self.failure = failure
        portaudio.kill(self.process)

    def release(self) -> None:
        """Let go of the device. Idempotent."""
        self.released = True
        portaudio.kill(self.process)

    async def end(self) -> None:
        """Let go of the device, and wait until that is done. Idempotent."""
        self.release()
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.wait({self.watching})
        async with self.reading:
            await portaudio.end(self.process)


async def record(
    part: str, audio_format: AudioFormat, *, source: str = "", name: str = "", shown: str = ""
) -> Recording:
    """Record the PortAudio device that `part` means.

    A monitor is PortAudio's device "pulse" with the sound server's `source`, a `name` of its own, and `shown` in
    errors. Raises InputError.
    """
    rate, block_ms = str(audio_format.rate), str(audio_format.block_ms)
    process = await portaudio.start("record", part, rate, block_ms, shown, source=source)
    assert process.stdout is not None
    try:
        reply = portaudio.parse(await asyncio.wait_for(process.stdout.readline(), OPENING_LIMIT))
    except TimeoutError:
        await portaudio.end(process)
        raise portaudio.silent(f"{shown or 'The microphone'} does not open") from None
    except BaseException:
        await portaudio.end(process)
        raise
    name = name or reply["name"]
    shown = shown or f"The microphone {name}"
    return Recording(process, shown, name, reply["rate"], reply["channels"], asyncio.Lock())


class Microphone:
    """A source that is live: what nobody takes waits for 30 s, then the oldest is dropped.

    The one exception to positions without holes: audio that was dropped moves the position on, since it was captured.
    `dropped` counts it, in samples; `overflows` counts how often the device lost audio before PortAudio had it, which
    does not say how much.
    """

    live = True

    def __init__(
        self,
        kind: str,
        record: Callable[[], Awaitable[Recording]],
        audio_format: AudioFormat,
        position: int,
        recording: Recording,
    ) -> None:
        """`recording` is what `record` returned first; it is called again after a pause."""
        self.kind = kind
        self.name = recording.name
        self.dropped = 0
        self.overflows = 0
        self._record = record
        self._format = audio_format
        self._position = position
        self._recording: Recording | None = recording
        self._paused = False
        self._closed = False
        self._wake = asyncio.Event()

    def pause(self) -> None:
        """Let go of the device: its light goes off. Sound is not captured until `resume`, and the position stands."""
        self._paused = True
        if self._recording is not None:
            self._recording.release()

    def resume(self) -> None:
        """Take the device again; `blocks` raises InputError when it cannot be had any more."""
        self._paused = False
        self._wake.set()

    async def aclose(self) -> None:
        """Let go of the device; ends `blocks`."""
        self._closed = True
        self._wake.set()
        if self._recording is not None:
            await self._recording.end()

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """Yield blocks until the source is closed. Raises InputError when the sound breaks off."""
        while not self._closed:
            if self._recording is not None:
                async for block in self._recorded(self._recording):
                    yield block
                await self._recording.end()
                self._recording = None
            elif self._paused:
                self._wake.clear()
                await self._wake.wait()
            else:
                recording = await self._record()
                if self._paused or self._closed:
                    await recording.end()
                else:
                    self._recording, self.name = recording, recording.name

    async def _recorded(self, recording: Recording) -> AsyncIterator[AudioBlock]:
        """Yield what is recorded until the device is let go of. Raises InputError when the sound breaks off."""
        mono = _mono(recording, self._format.rate)
        size = self._format.block_samples
        overflows_before = self.overflows
        expected = 0
        pending: Samples = np.empty(0, dtype=np.int16)
        while True:
            try:
                position, overflows, data = await recording.block()
            except InputError:
                if recording.released:
                    return
                raise
            if position > expected:
                if len(pending):
                    yield self._block(pending)
                    pending = pending[:0]
                lost = round((position - expected) * self._format.rate / recording.rate)
                self.dropped += lost
                self._position += lost
            expected = position + len(data) // (2 * recording.channels)
            self.overflows = overflows_before + overflows
            pending = np.concatenate([pending, mono(data)])
            while len(pending) >= size and not recording.released:
                yield self._block(pending[:size])
                pending = pending[size:]
            if recording.released:
                return

    def _block(self, samples: Samples) -> AudioBlock:
        block = AudioBlock(samples, self._position, self._format.rate)
        self._position = block.end
        return block


def _mono(recording: Recording, rate: int) -> Callable[[bytes], Samples]:
    """Return what turns the device's bytes into mono samples at `rate`, a piece at a time."""

    def mixed(data: bytes) -> Samples:
        samples: Samples = np.frombuffer(data, dtype=np.int16)
        if recording.channels > 1:
            samples = samples.reshape(-1, recording.channels).mean(axis=1).astype(np.int16)
        return samples

    if recording.rate == rate:
        return mixed

    from captions.audio.mono import MonoResampler

    resampler = MonoResampler(rate)
    return lambda data: resampler.convert_mono(mixed(data), recording.rate)
