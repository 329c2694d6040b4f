"""The sound of a session, kept beside its journal as Ogg Opus, so that what nobody heard can be heard later."""

import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from captions.audio.block import AudioBlock, Samples
from captions.errors import StorageError

RATE = 16_000
"""Hz that are kept, whatever the session's rate is: all that recognisers of speech use."""
PAGE_MS = 250
"""What a page of the file holds. FFmpeg keeps up to two back: a kill loses little more than half a second."""
QUEUE_BLOCKS = 1200
"""Blocks that may wait for the disk: two minutes, at 100 ms each."""


def recording_of(journal: Path) -> Path:
    """Return where the recording of a session is, if there is one."""
    return journal.with_suffix(".ogg")


class Recording:
    """Writes a session's blocks to a file in which every sound is at its time on the session's clock.

    Where no block is, there is silence. The file is private to the user (mode 0600), and whole up to the last second
    when the process is killed. Opening, encoding and writing are done by a thread of its own, which never keeps the
    program from ending.
    """

    def __init__(self, path: Path, on_error: Callable[[StorageError], None]) -> None:
        """`on_error` is called in the recording's thread, once at most: after it nothing more is recorded."""
        self.path = path
        self.missed = 0.0
        """Seconds of sound that are silent in the file because the disk was too slow for them."""
        self._on_error = on_error
        # When it is full, a block is left out and counted: captions never wait for the disk.
        self._blocks: queue.Queue[AudioBlock | None] = queue.Queue(QUEUE_BLOCKS)
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def put(self, block: AudioBlock) -> None:
        """Record a block. Returns at once."""
        try:
            self._blocks.put_nowait(block)
        except queue.Full:
            self.missed += block.seconds

    def finish(self, timeout: float = 10.0) -> bool:
        """End the file, and return whether that was done within `timeout` seconds. Call it off the event loop."""
        try:
            self._blocks.put(None, timeout=timeout)
        except queue.Full:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                self._write(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._on_error(
                StorageError(
                    f"The recording {self.path} cannot be written: {error.strerror or error}.",
                    "Captions go on; what was said so far can still be heard in it.",
                )
            )
            while self._blocks.get() is not None:  # nobody waits for a queue that is emptied
                pass

    def _write(self, descriptor: int) -> None:
        timeline = _Timeline(lambda data: _write_all(descriptor, data))
        while (block := self._blocks.get()) is not None:
            timeline.add(block)
        timeline.end()


class _Timeline:
    """Lays blocks of any rate at their times, encodes them, and hands over what can be written."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        from captions.audio.mono import MonoResampler  # FFmpeg: only for those who record
        from captions.audio.ogg_opus import OggOpusEncoder

        self._write = write
        self._encoder = OggOpusEncoder(RATE, PAGE_MS)
        self._resampler = MonoResampler(RATE)
        self._laid = 0
        """Samples at `RATE` that the file has."""
        self._surplus = 0
        """Samples to leave out, because their time has sound already."""
        self._next = (0, 0)
        """The rate, and at it the position, of a block that would go on where the last one ended."""

    def add(self, block: AudioBlock) -> None:
        if self._next != (block.rate, block.position):
            self._lay(self._resampler.flush())
            hole = round(block.position / block.rate * RATE) - self._laid
            self._surplus = max(0, -hole)
            while hole > 0:  # a second at a time: hours must not be in memory
                piece = min(hole, RATE)
                self._lay(np.zeros(piece, np.int16))
                hole -= piece
        if len(block.samples):
            self._lay(self._resampler.convert_mono(block.samples, block.rate))
        self._next = (block.rate, block.end)

    def end(self) -> None:
        self._lay(self._resampler.flush())
        self._write(self._encoder.finish())

    def _lay(self, samples: Samples) -> None:
        left_out = min(self._surplus, len(samples))
        self._surplus -= left_out
        samples = samples[left_out:]
        self._laid += len(samples)
        self._write(self._encoder.encode(samples))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
