"""How long words take, stage by stage (events.Delays), measured while they do.

Everything is counted from the sound: a place in it, in seconds on the session's clock, was captured when the block
with it came out of its source, less what of the block came after it. So there are delays only at the pace of sound;
of a file that is read as fast as possible none but the stabiliser's are known.

- send: of each block, once. Audio that is sent again after a broken stream is no new sound and is not counted; audio
  that had to wait for a stream is, for its words are late by as much.
- service: of each partial with word times, from when its last word had been sent.
- stabilizer: of each word that a partial showed, or a final that said the same.
- partials: of each word that a partial showed, where the recogniser times words. One that times whole phrases says
  only how far it had heard; a word then counts from where the partial before it ended, so it took no longer than told.
- finals: of each final with word times; without them, of each final of which our own detector knows when its speech
  ended (`Session.end_of`).
"""

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable

import numpy as np

from captions.audio.block import AudioBlock
from captions.events import Delays, Spread

NEWEST = 200
"""Measurements of a stage of which the spread is told, at most; older ones are dropped."""
NEW_SECONDS = 60.0
"""So are those that are older than that when another comes: after a broken link, captions are soon live again."""
REMEMBERED = 10_000
"""Blocks of which it is remembered when they came; then the older half is forgotten. 17 minutes of 100 ms."""

Window = deque[tuple[float, float]]
"""When each measurement came, on the meter's clock, and what was measured, both in seconds."""


class DelayMeter:
    """Takes measurements, cheaply, and tells their spread when asked. Times are in seconds on the session's clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.changed = False
        """Whether something was measured since `delays` was called."""
        self._clock = clock
        self._ends: list[float] = []
        """Where the captured blocks ended, and beside it when they came, on `clock`."""
        self._moments: list[float] = []
        self._forgotten_until = -1.0
        self._sent_until = 0.0
        self._send = _window()
        self._service = _window()
        self._stabilizer = _window()
        self._partials = _window()
        self._finals = _window()

    def captured(self, block: AudioBlock) -> None:
        """A block has come out of its source."""
        if len(self._ends) >= REMEMBERED:
            self._forgotten_until = self._ends[REMEMBERED // 2 - 1]
            del self._ends[: REMEMBERED // 2], self._moments[: REMEMBERED // 2]
        self._ends.append(block.end / block.rate)
        self._moments.append(self._clock())

    def sent(self, end: float) -> None:
        """Audio up to `end` was handed over to a stream."""
        if end > self._sent_until:
            self._sent_until = end
            self._add(self._send, self._since(end))

    def answered(self, seconds: float) -> None:
        """A partial has come, so long after the last audio of its words was sent."""
        self._add(self._service, seconds)

    def showed(self, held: float, end: float | None) -> None:
        """A partial has shown a word, held back for `held` seconds, that ended at `end` if that is known."""
        self._add(self._stabilizer, held)
        if end is not None:
            self._add(self._partials, self._since(end))

    def told_final(self, end: float | None) -> None:
        """A final was told whose speech ended at `end` if that is known."""
        if end is not None:
            self._add(self._finals, self._since(end))

    def delays(self) -> Delays:
        """Return the spread of each stage's newest measurements."""
        self.changed = False
        return Delays(
            _spread(self._send),
            _spread(self._service),
            _spread(self._stabilizer),
            _spread(self._partials),
            _spread(self._finals),
        )

    def _since(self, place: float) -> float | None:
        """Return how long ago the sound at a place was captured; None where that is not known."""
        block = bisect_left(self._ends, place)
        if block == len(self._ends) or place <= self._forgotten_until:
            return None
        return self._clock() - self._moments[block] + self._ends[block] - place

    def _add(self, window: Window, seconds: float | None) -> None:
        if seconds is not None:
            now = self._clock()
            window.append((now, max(0.0, seconds)))
            while window[0][0] < now - NEW_SECONDS:
                window.popleft()
            self.changed = True


def _window() -> Window:
    return deque(maxlen=NEWEST)


def _spread(window: Window) -> Spread | None:
    if not window:
        return None
    p50, p95 = np.percentile([seconds for _, seconds in window], [50, 95])
    return Spread(float(p50), float(p95))
