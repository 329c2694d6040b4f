"""Writing to a terminal without ever waiting for it, and knowing when what was written."""

import contextlib
import os
import select
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable

from captions.events import Spread

BUFFER_BYTES = 1 << 20
"""How much may wait for the terminal; what would be more is dropped. Frames are not even made while the terminal is
behind (see driver.py), so this is for what a person copies out."""
HANG_UP_CHECK_SECONDS = 0.5
CLOSE_SECONDS = 1.0
NEWEST = 200
"""Delays of which the spread is told; older ones are dropped."""


class TerminalWriter(threading.Thread):
    """Writes to a non-blocking descriptor from a thread; `write` returns at once.

    `on_read` is called, in this thread, when all was written after `tell_when_read`; `on_hang_up` when the terminal is
    gone.
    """

    def __init__(self, fileno: int, on_read: Callable[[], None], on_hang_up: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="terminal-writer")
        self.written = 0
        """Bytes so far."""
        self.waiting = 0
        """Bytes that the terminal has not taken yet."""
        self._fileno = fileno
        self._on_read = on_read
        self._on_hang_up = on_hang_up
        self._changed = threading.Condition()
        self._frames: deque[tuple[bytes, float | None] | None] = deque()
        self._delays: deque[float] = deque(maxlen=NEWEST)
        self._tell = False
        self._gone = False

    def write(self, text: str, since: float | None = None) -> bool:
        """Queue `text` and return whether it will be written: not if too much waits.

        `since` is when, by time.monotonic, that came of which `text` tells.
        """
        frame = text.encode("utf-8", "replace")
        with self._changed:
            if self._gone or self.waiting + len(frame) > BUFFER_BYTES:
                return False
            self._frames.append((frame, since))
            self.waiting += len(frame)
            self._changed.notify()
        return True

    def tell_when_read(self) -> None:
        """Have `on_read` called once when nothing waits any more."""
        with self._changed:
            self._tell = True
            self._changed.notify()

    @property
    def delays(self) -> Spread | None:
        """How long it took from `since` until all of the text was written, of late; None before anything was."""
        delays = list(self._delays)
        if len(delays) < 2:
            return None
        hundredths = statistics.quantiles(delays, n=100, method="inclusive")
        return Spread(hundredths[49], hundredths[94])

    def close(self) -> None:
        """Wait for a moment until all is written, then leave the rest."""
        with self._changed:
            self._frames.append(None)
            self._changed.notify()
        self.join(CLOSE_SECONDS)

    def run(self) -> None:
        """Write until `close`, or until the terminal hangs up."""
        try:
            while (frame := self._next_frame()) is not None:
                self._write(*frame)
        except OSError:
            self._gone = True
            self._on_hang_up()

    def _next_frame(self) -> tuple[bytes, float | None] | None:
        with self._changed:
            if not self._frames and self._tell:
                self._tell = False
                self._on_read()
            if not self._frames and not self._tell:
                self._changed.wait(HANG_UP_CHECK_SECONDS)
            if not self._frames:
                os.get_terminal_size(self._fileno)  # raises OSError after a hang-up
                return b"", None
            return self._frames.popleft()

    def _write(self, frame: bytes, since: float | None) -> None:
        while frame:
            _, ready, _ = select.select([], [self._fileno], [], HANG_UP_CHECK_SECONDS)
            if not ready:
                continue
            with contextlib.suppress(BlockingIOError):
                count = os.write(self._fileno, frame)
                frame = frame[count:]
                with self._changed:
                    self.written += count
                    self.waiting = max(0, self.waiting - count)
        if since is not None:
            self._delays.append(time.monotonic() - since)
