"""A stretch of audio that one stream is to hear, kept until it has been heard.

The session's audio is cut into segments at positions in samples: every sample belongs to exactly one. A segment is
recognised by one stream, and if that stream breaks, by another one from where the first had heard.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from captions.audio.block import AudioBlock
from captions.events import Event, Final, Gap, Partial


@dataclass(frozen=True, slots=True)
class HeardBy:
    """What follows was heard by the recogniser of this name, from `time` on."""

    name: str
    time: float


@dataclass(slots=True, eq=False)
class Segment:
    """Audio from `start` on, in samples at `rate` on the session's clock; `wall` is the time of day at `start`."""

    start: int
    rate: int
    wall: datetime
    covered: int = field(init=False)
    """All audio before this position needs no further hearing."""
    sent: int = field(init=False)
    """The stream at work has been sent all audio before this position."""
    end: int = field(init=False)
    """Position after the last sample taken so far; for good once `closed`."""
    closed: bool = False
    done: bool = False
    handed_over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when all of it was sent to a stream: the next segment may begin to be heard."""
    outbox: deque[Final | Gap | HeardBy | Partial] = field(default_factory=deque)
    """What was heard, while a segment before this one has not said its last word."""
    heard_by: str = ""
    """The name of the recogniser that had the last words in it."""
    after: list[Event] = field(default_factory=list)
    """What happened at its end: told after its last word."""
    pending: Partial | None = None
    """Text that no final has confirmed yet."""
    told: deque[tuple[int, str]] = field(default_factory=deque)
    """Texts of finals that may be of audio after `covered`, each with how much had been sent when it came."""
    results: int = 0
    """How many results streams have given of it."""
    heard_with: object = None
    """The settings of the stream at work on it."""
    doubted: bool = False
    """Whether its last speech was heard again because a stream that ended well had told nothing of it."""
    attached: bool = False
    """Whether the last stream on it has not broken."""
    forgotten: tuple[int, int] | None = None
    """Audio that a stream at work was sent and has told nothing of, from and to which position, and that was let go."""
    _blocks: list[AudioBlock] = field(default_factory=list)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.covered = self.sent = self.end = self.start

    def take(self, block: AudioBlock) -> None:
        """Keep one more block."""
        self._blocks.append(block)
        self.end = block.end
        self._grown.set()

    def forget(self, position: int) -> None:
        """Let go of audio before `position`, though it may not have been heard: there is no room for it."""
        start = self.covered if self.forgotten is None else self.forgotten[0]
        self.cover(position)
        self.forgotten = (start, self.covered)

    def close(self) -> None:
        """Say that no more audio belongs to it."""
        self.closed = True
        self._grown.set()

    def cover(self, position: int) -> None:
        """Let go of audio before `position`, which was heard."""
        self.covered = max(self.covered, min(position, self.end))
        if self.forgotten is not None and self.covered > self.forgotten[1]:
            self.forgotten = None
        keep = bisect_right(self._blocks, self.covered, key=lambda block: block.end)
        del self._blocks[:keep]
        while self.told and self.told[0][0] <= self.covered:
            self.told.popleft()

    async def audio_from(self, position: int) -> AudioBlock | None:
        """Return the audio from `position` to the end of its block, waiting for it; None after the last sample.

        `position` is never before `covered`.
        """
        while position >= self.end:
            if self.closed:
                return None
            self._grown.clear()
            await self._grown.wait()
        block = self._blocks[bisect_right(self._blocks, position, key=lambda block: block.end)]
        if block.position >= position:
            return block
        return AudioBlock(block.samples[position - block.position :], position, block.rate)

    @property
    def unheard_from(self) -> int:
        """The position from which no stream has heard it: what was sent to a stream that broke does not count."""
        return max(self.covered, self.sent) if self.attached else self.covered

    @property
    def kept(self) -> float:
        """Seconds of audio that it holds."""
        return (self.end - max(self.covered, self.start)) / self.rate

    def seconds(self, position: int) -> float:
        """A position as a time on the session's clock."""
        return position / self.rate

    def wall_at(self, time: float) -> datetime:
        """The time of day at a time on the session's clock."""
        return self.wall + timedelta(seconds=time - self.start / self.rate)
