"""The segments of a session in the order of their audio, and what was heard of them, told in that order."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from captions.events import Entry, Event, Final, Gap, Notice, Partial, Severity
from captions.recognition.segment import HeardBy, Segment


class Sequence:
    """Holds the segments that are not done. What a later one says waits until the earlier ones have said their last."""

    def __init__(self, track: str, emit: Callable[[Event], None]) -> None:
        self._track = track
        self._emit = emit
        self._segments: deque[Segment] = deque()
        self._moved = asyncio.Event()
        self._listens = ""
        """Who has heard the words that were told last."""

    @property
    def unsent(self) -> float:
        """Seconds of audio that no stream was sent yet."""
        return sum((segment.end - segment.sent) / segment.rate for segment in self._segments)

    def begin(self, position: int, rate: int, wall: datetime) -> tuple[Segment, Segment | None]:
        """Return a new segment at the end, and the one before it."""
        before = self._segments[-1] if self._segments else None
        segment = Segment(position, rate, wall)
        self._segments.append(segment)
        return segment, before

    def say(self, segment: Segment, event: Final | Gap | Partial) -> None:
        """Tell what was heard of a segment; a partial replaces the one that still waits before it."""
        if isinstance(event, Partial) and segment.outbox and isinstance(segment.outbox[-1], Partial):
            segment.outbox.pop()
        segment.outbox.append(event)
        self._release()

    def heard_by(self, segment: Segment, name: str, time: float) -> None:
        """Note who has heard what is said next of a segment, from `time` on. Another than before is told before it."""
        if segment.heard_by != name:
            segment.heard_by = name
            segment.outbox.append(HeardBy(name, time))

    def tell(self, entry: Entry) -> None:
        """Tell what happens now after the last word of the audio before it."""
        if self._segments:
            self._segments[-1].after.append(entry)
        else:
            self._emit(entry)

    def broke(self, segment: Segment) -> None:
        """A stream on the segment has broken.

        Text that it left without a final stays on the screen until another has heard its audio again; audio that is
        not kept any more cannot be.
        """
        if segment.forgotten is not None:
            start, end = (segment.seconds(position) for position in segment.forgotten)
            segment.forgotten = None
            self.say(segment, Gap(self._track, start, end, segment.wall_at(start), "it could not be kept for so long"))
        if segment.pending is not None and not segment.pending.unconfirmed:
            segment.pending = replace(segment.pending, unconfirmed=True)
            self.say(segment, segment.pending)

    def finish(self, segment: Segment) -> None:
        """All of a segment was heard. Text that was on the screen without being confirmed is kept as it stood."""
        pending, segment.pending = segment.pending, None
        if pending is not None:
            wall = segment.wall_at(pending.start)
            segment.outbox.append(Final(pending.track, pending.start, pending.end, wall, pending.text, True))
        segment.cover(segment.end)
        segment.handed_over.set()
        segment.done = True
        self._release()

    def end(self) -> None:
        """The session ends: keep the text of every segment as it stands, and tell what was not heard."""
        for segment in list(self._segments):
            if segment.unheard_from < segment.end:
                self._leave_unheard(segment, segment.end, "the session ended before it could be heard")
            self.finish(segment)

    def bound(self, kept_seconds: float) -> None:
        """Let the oldest audio go when all segments hold more than this; what no stream at work was sent is a gap."""
        excess = sum(segment.kept for segment in self._segments) - kept_seconds
        if excess > 0:
            oldest = self._segments[0]
            until = oldest.covered + round(excess * oldest.rate)
            if oldest.attached or oldest.unheard_from >= until:
                # A stream at work is sent what waits faster than it comes, and must get it without a hole: the places
                # of its words are counted from its first sample.
                oldest.forget(min(until, oldest.unheard_from))
            else:
                self._leave_unheard(oldest, until, f"more than {kept_seconds:g} s waited to be heard")

    def moved(self) -> None:
        """Wake those who wait for a move: audio was sent, or a stream has ended."""
        self._moved.set()

    async def next_move(self) -> None:
        """Wait until something moves."""
        self._moved.clear()
        await self._moved.wait()

    async def drained(self) -> None:
        """Wait until every segment has said its last word."""
        while self._segments:
            await self.next_move()

    def _release(self) -> None:
        while self._segments:
            head = self._segments[0]
            while head.outbox:
                told = head.outbox.popleft()
                if isinstance(told, HeardBy):
                    self._tell_who_listens(head, told)
                else:
                    self._emit(told)
            if not head.done:
                return
            for event in head.after:
                self._emit(event)
            self._segments.popleft()
            self.moved()

    def _tell_who_listens(self, segment: Segment, by: HeardBy) -> None:
        before, self._listens = self._listens, by.name
        if before not in ("", by.name):
            message = f"{by.name} listens now."
            self._emit(Notice(by.time, segment.wall_at(by.time), Severity.INFORMATION, message))

    def _leave_unheard(self, segment: Segment, until: int, reason: str) -> None:
        start = segment.seconds(segment.unheard_from)
        segment.cover(until)
        segment.sent = max(segment.sent, segment.covered)
        end = segment.seconds(segment.covered)
        last = segment.outbox[-1] if segment.outbox else None
        if isinstance(last, Gap) and last.end == start:
            segment.outbox[-1] = replace(last, end=end)
        else:
            segment.outbox.append(Gap(self._track, start, end, segment.wall_at(start), reason))
