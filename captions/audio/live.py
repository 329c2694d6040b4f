"""Sound that comes by itself, through a pipe or over a network, in the blocks and at the pace that a session wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

import numpy as np

from captions.audio.block import AudioBlock, Samples
from captions.audio.media import CLOSING_LIMIT, Clock, MonotonicClock
from captions.audio.source import AudioFormat
from captions.audio.threads import DaemonThread
from captions.errors import InputError

if TYPE_CHECKING:
    from captions.audio.mono import MonoResampler

LEAD_SECONDS = 30.0
"""How much sound may come at once: what waited in pipes and windows until the program had started, or while a link
stood still. A writer that is further ahead of the clock, as one of a recording is, is held up to the pace of sound."""


class Reader(Protocol):
    """Where samples come out. Blocking: all of it is called in one thread."""

    rate: int

    def read(self, samples: int) -> Samples:
        """Wait for the next samples; fewer only at the end, none after it. Raises InputError when it breaks off."""
        ...

    def close(self) -> None:
        """Let go of it. Idempotent."""
        ...


class Reading:
    """A reader in a thread of its own. It is asked for a piece at a time, so nothing is read that nobody waits for:
    while no piece is asked for, the writer fills what the system holds for a pipe or a connection, and then waits."""

    def __init__(
        self,
        opened: Callable[[], Reader],
        interrupt: Callable[[], None],
        rate: int,
        piece_samples: int,
        thread: DaemonThread | None = None,
    ) -> None:
        """`opened` opens the reader, in the thread, when the first piece is asked for. `interrupt` makes a read that
        waits end at once, and is called from another thread. `thread` is one that was begun already."""
        self.rate = rate
        self._open = opened
        self._interrupt = interrupt
        self._piece_samples = piece_samples
        self._thread = thread or DaemonThread("live sound")
        self._reader: Reader | None = None
        self._next: Future[Samples] | None = None

    def next_piece(self) -> Future[Samples]:
        """Return the piece that is being read; begin to read one if none is. It is this one until `taken`."""
        if self._next is None or self._next.cancelled():
            self._next = self._thread.submit(self._read)
        return self._next

    def taken(self) -> None:
        """The next piece is another one."""
        self._next = None

    async def aclose(self) -> None:
        """Let go of the reader, without waiting for what it waits for."""
        self._interrupt()
        closing = asyncio.wrap_future(self._thread.submit(self._close))
        await asyncio.wait({closing}, timeout=CLOSING_LIMIT)
        self._thread.shutdown()

    def _read(self) -> Samples:
        if self._reader is None:
            self._reader = self._open()
        return self._reader.read(self._piece_samples)

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()


class Live:
    """A source that comes by itself. While it is paused, its sound is thrown away at the pace of sound, as nobody
    listens to it: of somebody who speaks, what was said meanwhile; of a recording, as much as would have been played.

    `silence_limit` is how many seconds may pass without a piece before it counts as broken off; None waits for ever.
    `ends` says what it means that there is no more: nothing where that is the end, an error where it is a break.
    `keep` leaves the reading open when the source is closed, for another source that goes on with it.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        reading: Reading,
        audio_format: AudioFormat,
        position: int,
        *,
        live: bool,
        silence_limit: float | None = None,
        ends: InputError | None = None,
        keep: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self.live = live
        self._reading = reading
        self._format = audio_format
        self._position = position
        self._silence_limit = silence_limit
        self._ends = ends
        self._keep = keep
        self._clock = clock or MonotonicClock()
        self._due = 0.0
        """When all that was delivered would have sounded, had it come at the pace of sound."""
        self._paused_at: float | None = None
        """Up to when sound has been thrown away since it was paused."""
        self._changed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._closing = False

    def pause(self) -> None:
        """Throw away what comes from now on."""
        if self._paused_at is None:
            self._paused_at = self._clock.now()
            self._changed.set()

    def resume(self) -> None:
        """Deliver what comes from now on."""
        self._paused_at = None
        self._changed.set()

    async def aclose(self) -> None:
        """Let go of it; ends `blocks`."""
        if self._closing:
            return
        self._closing = True
        self._arrived.set()
        self._changed.set()
        if not self._keep:
            await self._reading.aclose()

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """Yield blocks until the sound ends; the last one may be shorter. Raises InputError when it breaks off."""
        resampler = _resampler(self._format.rate) if self._reading.rate != self._format.rate else None
        pending: Samples = np.empty(0, dtype=np.int16)
        while True:
            piece = await self._piece()
            if piece is None:
                return
            if not len(piece):
                break
            if not await self._is_wanted(len(piece) / self._reading.rate):
                continue
            pending = np.concatenate(
                [pending, resampler.convert_mono(piece, self._reading.rate) if resampler else piece]
            )
            while len(pending) >= self._format.block_samples:
                yield self._block(pending[: self._format.block_samples])
                pending = pending[self._format.block_samples :]
        pending = np.concatenate([pending, resampler.flush()]) if resampler else pending
        if len(pending) and self._paused_at is None:
            yield self._block(pending)
        if self._ends is not None:
            raise self._ends

    async def _piece(self) -> Samples | None:
        """Return the next piece; none when the source is closed meanwhile."""
        loop = asyncio.get_running_loop()
        future = self._reading.next_piece()
        self._arrived.clear()
        future.add_done_callback(lambda _: _wake(loop, self._arrived))
        if self._closing:
            return None
        try:
            await asyncio.wait_for(self._arrived.wait(), self._silence_limit)
        except TimeoutError:
            raise InputError(
                f"{self.name} has sent no sound for {self._silence_limit:g} seconds.", "Is it still on the air?"
            ) from None
        if self._closing:
            return None
        self._reading.taken()
        return future.result()

    async def _is_wanted(self, seconds: float) -> bool:
        """Wait until a piece that lasts so long may be delivered; while paused, until it may be thrown away."""
        while not self._closing:
            self._changed.clear()
            now = self._clock.now()
            if self._paused_at is not None:
                wait = self._paused_at + seconds - now
                if wait <= 0:
                    self._paused_at += seconds
                    return False
            elif not self._format.real_time:
                return True
            else:
                wait = max(self._due, now) + seconds - LEAD_SECONDS - now
                if wait <= 0:
                    self._due = max(self._due, now) + seconds
                    return True
            await self._clock.wait(self._changed, wait)
        return False

    def _block(self, samples: Samples) -> AudioBlock:
        block = AudioBlock(samples, self._position, self._format.rate)
        self._position = block.end
        return block


def _resampler(rate: int) -> "MonoResampler":
    from captions.audio.mono import MonoResampler

    return MonoResampler(rate)


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
        loop.call_soon_threadsafe(event.set)
