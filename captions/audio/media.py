"""A file, played: at the pace of sound or as fast as it is taken, with pause and seek."""

import asyncio
import contextlib
import importlib.util
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from captions.audio.block import AudioBlock, Samples
from captions.audio.source import AudioFormat
from captions.audio.threads import DaemonThread
from captions.errors import InputError
from captions.plain_text import plain

if TYPE_CHECKING:
    from captions.audio.decoder import Decoder

AHEAD_SECONDS = 1
"""How much of the file is decoded at a time: as much again is decoded while it is played."""

MOST_LATE = 0.5
"""Seconds by which blocks may be late and still be made up for at once; beyond, playing goes on from now."""

CLOSING_LIMIT = 2.0
"""Seconds that closing waits for a disk or a network that does not answer."""


class Clock(Protocol):
    """What pacing goes by."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when the seconds have passed, or when the event is set."""
        ...


class MonotonicClock:
    """Real time."""

    def now(self) -> float:
        """Return the monotonic time."""
        return time.monotonic()

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Wait for the event, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)


async def open_file(
    path: str, audio_format: AudioFormat, position: int = 0, *, clock: Clock | None = None
) -> "Playback":
    """Open a file of any kind that FFmpeg reads; `~` is the home folder.

    Only files are opened, never what a playlist leads to. Raises InputError.
    """
    return await _open("file", plain(Path(path).name), path, audio_format, position, clock)


async def open_sample(audio_format: AudioFormat, position: int = 0, *, clock: Clock | None = None) -> "Playback":
    """Open the recording that comes with the recogniser on this machine. Raises InputError where it is not there."""
    package = importlib.util.find_spec("moonshine_voice")  # found, not imported: that takes a while
    folders = (package.submodule_search_locations or []) if package else []
    for folder in folders:
        path = Path(folder) / "assets" / "two_cities.wav"
        if path.is_file():
            return await _open("sample", "sample (A Tale of Two Cities)", str(path), audio_format, position, clock)
    raise InputError("The sample is not there: it comes with the local recogniser.", "pip install 'captions[local]'")


async def _open(
    kind: str, name: str, path: str, audio_format: AudioFormat, position: int, clock: Clock | None
) -> "Playback":
    thread = DaemonThread("decoder")

    def opened() -> "Decoder":
        from captions.audio.decoder import Decoder
        from captions.audio.file import MediaFile

        decoder = Decoder(MediaFile(path, audio_format.pcm_rate, audio_format.pcm_channels), audio_format.rate)
        decoder.check()
        return decoder

    try:
        decoder = await asyncio.get_running_loop().run_in_executor(thread, opened)
    except BaseException:
        thread.shutdown(wait=False)
        raise
    return Playback(kind, name, decoder, thread, audio_format, position, clock or MonotonicClock())


class Playback:
    """A source that is played. At the pace of sound, a block comes when its last sample would have sounded.

    After the end of the file `blocks` is over, and a seek has no effect: open the file again.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        decoder: "Decoder",
        thread: Executor,
        audio_format: AudioFormat,
        position: int,
        clock: Clock,
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        """`interrupt` makes a read that waits for a network end at once; it is called from another thread."""
        self.kind = kind
        self.live = False
        self.name = name
        self.duration = decoder.duration
        self._decoder = decoder
        self._thread = thread  # its only one, so what is asked of the decoder is done one after another
        self._format = audio_format
        self._position = position
        self._clock = clock
        self._interrupt = interrupt
        self._from = 0.0
        """Seconds of the file at which playing began, by the last seek."""
        self._played = 0
        """Samples delivered since."""
        self._target: float | None = None
        self._ahead: asyncio.Future[Samples] | None = None
        self._decoded: Samples = np.empty(0, dtype=np.int16)
        self._due: float | None = None
        self._paused = False
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def elapsed(self) -> float:
        """Seconds of the file that have been played, or the place that was sought and is played next."""
        return self._target if self._target is not None else self._from + self._played / self._format.rate

    def seek(self, seconds: float) -> None:
        """Go on from there, clamped to the file."""
        self._target = max(0.0, seconds if self.duration is None else min(seconds, self.duration))
        self._changed.set()

    def pause(self) -> None:
        """Stand still."""
        self._paused = True
        self._changed.set()

    def resume(self) -> None:
        """Play on."""
        self._paused = False
        self._changed.set()

    async def aclose(self) -> None:
        """Close the file; ends `blocks`."""
        if self._closed:
            return
        self._closed = True
        self._changed.set()
        self._interrupt()
        closing = asyncio.get_running_loop().run_in_executor(self._thread, self._decoder.close)
        await asyncio.wait({closing}, timeout=CLOSING_LIMIT)
        self._thread.shutdown(wait=False)

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """Yield blocks to the end of the file; the last one may be shorter. Raises InputError when the disk fails."""
        while not self._closed:
            self._changed.clear()
            if self._paused:
                self._due = None
                await self._changed.wait()
                continue
            if self._target is not None:
                await self._jump()
            samples = await self._next_samples()
            if self._format.real_time and len(samples):
                await self._until_due(len(samples) / self._format.rate)
            if self._changed.is_set():
                continue  # paused, sought or closed meanwhile: these samples wait, or are not wanted any more
            if not len(samples):
                self.duration = self.elapsed  # what a damaged or guessed header said may be wrong
                return
            self._decoded = self._decoded[len(samples) :]
            self._played += len(samples)
            block = AudioBlock(samples, self._position, self._format.rate)
            self._position = block.end
            yield block

    async def _jump(self) -> None:
        """Have the decoder go on from the place that was sought."""
        assert self._target is not None
        self._from, self._played, self._target = self._target, 0, None
        self._decoded = self._decoded[:0]
        if self._ahead is not None:
            self._ahead.cancel()  # what is being decoded now is dropped; the thread finishes it first
            self._ahead = None
        self._due = None
        await asyncio.get_running_loop().run_in_executor(self._thread, self._decoder.seek, self._from)

    async def _next_samples(self) -> Samples:
        """Return the next block's samples without taking them, decoding the second after them meanwhile."""
        while len(self._decoded) < self._format.block_samples:
            piece = await (self._ahead or self._read())
            self._ahead = None
            if self._closed or not len(piece):
                break
            self._ahead = self._read()
            self._decoded = np.concatenate([self._decoded, piece])
        return self._decoded[: self._format.block_samples]

    def _read(self) -> "asyncio.Future[Samples]":
        amount = AHEAD_SECONDS * self._format.rate
        return asyncio.get_running_loop().run_in_executor(self._thread, self._decoder.read, amount)

    async def _until_due(self, seconds: float) -> None:
        """Wait until a block that lasts so long has sounded, or something changes."""
        now = self._clock.now()
        due = (now if self._due is None else self._due) + seconds
        if now - due > MOST_LATE:
            due = now
        if due > now:
            await self._clock.wait(self._changed, due - now)
        if not self._changed.is_set():
            self._due = due
