"""Many streams as one endless recognition: sound goes in, events come out.

The audio of a session is cut into segments where something changes: the input, the settings, a pause. Each segment is
heard by a stream of its own, and the next one listens while the one before is being drained; what they say comes out
in the order of the audio.

A stream that breaks is followed by another, which is sent again all audio that no final covers. The retries wait
longer and longer, up to `LONGEST_WAIT`, and start over when something was heard. An error that a retry cannot mend
stops the session until the settings are changed; the audio is kept meanwhile, up to `KEPT_SECONDS`, beyond which the
oldest becomes a gap.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from captions.audio.block import AudioBlock
from captions.audio.level import LevelMeter
from captions.audio.source import AudioFormat, AudioSource, Playable, open_source
from captions.errors import CaptionsError, InputError, StreamError
from captions.events import (
    Event,
    Final,
    Gap,
    InputChanged,
    Notice,
    Partial,
    Paused,
    Phase,
    Progress,
    Resumed,
    SessionState,
    Severity,
    Word,
)
from captions.recognition.recognizer import RecognitionOptions, RecognitionStream, Recognizer
from captions.recognition.segment import Segment

KEPT_SECONDS = 600.0
"""How much audio is kept while nobody hears it."""
DRAIN_SECONDS = 10.0
"""How long a stream may take to deliver its last words after the half-close."""
LONGEST_WAIT = 15.0
"""The longest wait before a retry, in seconds."""
UNHEARD_SECONDS = 60.0
"""Audio this far behind what was sent, with no text pending, was heard and held no speech."""
REPLAY_SPEED = 8.0
"""How much faster than real time kept audio is sent until the stream is live again."""
AHEAD_SECONDS = 2.0
"""How far a source that is not paced may run ahead of what was sent."""

RETRIED = frozenset(
    {"CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "INTERNAL", "UNAVAILABLE"}
    # Printed as 9 by some documents, though gRPC's RESOURCE_EXHAUSTED is 8.
    | {"FAILED_PRECONDITION", "OUT_OF_RANGE", "DATA_LOSS"}
)
"""Status codes that another stream may mend; the service's limits are among them."""
SIZE_LIMIT_TEXT = "less than 10MB"
"""In the text of the INVALID_ARGUMENT with which the service ends a stream that has had its 10 MB."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Who listens, and how: what a change of settings replaces as a whole."""

    recognizer: Recognizer
    options: Callable[[tuple[str, ...]], RecognitionOptions]
    """Makes the options, given the languages that the recogniser has."""
    audio_format: AudioFormat


class Session:
    """One recording, as the user sees it. All methods are called on the event loop that runs `run`.

    `give_up_after` is how many seconds one stream after another may fail before that stops the session; None retries
    for ever.
    """

    def __init__(
        self,
        listening: Listening,
        emit: Callable[[Event], None],
        *,
        track: str = "main",
        open_source: Callable[[str, AudioFormat, int], Awaitable[AudioSource]] = open_source,
        give_up_after: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.listening = listening
        self.phase = Phase.STARTING
        self.error: CaptionsError | None = None
        self.paused = False
        self._emit = emit
        self._track = track
        self._open_source = open_source
        self._give_up_after = give_up_after
        self._clock = clock
        self._meter = LevelMeter()
        self._position = 0
        self._source: AudioSource | None = None
        self._input = ""
        self._capturing: asyncio.Task[None] | None = None
        self._segments: deque[Segment] = deque()
        self._live: Segment | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._moved = asyncio.Event()
        self._changed = asyncio.Event()
        self._unpaused = asyncio.Event()
        self._unpaused.set()
        self._ended_at = 0.0
        self._state: SessionState | None = None
        self._at_work: Counter[int] = Counter()

    async def run(self) -> None:
        """Last until cancelled; raises what went wrong inside, if it was not foreseen."""
        await self._crash

    @property
    def time(self) -> float:
        """Seconds of audio captured so far."""
        return self._position / self.listening.audio_format.rate

    @property
    def playing(self) -> bool:
        """Whether the input is a file, in which one can seek."""
        return isinstance(self._source, Playable)

    # What a person can do

    def use_input(self, name: str) -> None:
        """Hear another input from now on, by the names of `open_source`. What had stopped the session is tried anew."""
        self._input = name
        self._recapture()
        self._try_again()

    def use_listening(self, listening: Listening) -> None:
        """Hear with another recogniser or other settings from this sample on; what was heard stays."""
        previous, self.listening = self.listening, listening
        self._cut()
        if listening.audio_format != previous.audio_format:
            self._position = round(self._position * listening.audio_format.rate / previous.audio_format.rate)
            if self._source is not None:
                self._recapture(self._source.elapsed if isinstance(self._source, Playable) else 0.0, announce=False)
        self._try_again()

    async def let_go(self, recognizer: Recognizer) -> None:
        """Wait until a recogniser that was replaced has said its last words."""
        while self._at_work[id(recognizer)]:
            self._moved.clear()
            await self._moved.wait()

    def pause(self, detail: str = "") -> None:
        """Stop listening: nothing is captured, sent or billed until `resume`."""
        if not self.paused and self._source is not None:
            self.paused = True
            self._unpaused.clear()
            self._source.pause()
            self._cut()
            self._emit(Paused(self.time, datetime.now(UTC)))
            self._set_phase(Phase.PAUSED, detail)

    def resume(self) -> None:
        """Listen again."""
        if self.paused and self._source is not None:
            self.paused = False
            self._unpaused.set()
            # A block that was on its way when the pause began belongs to the time before it.
            self._cut()
            self._emit(Resumed(self.time, datetime.now(UTC)))
            self._source.resume()
            self._set_phase(Phase.CONNECTING)
            self._try_again()

    def seek_by(self, seconds: float) -> None:
        """Move in the file that is being played, also back from its end; nothing happens with any other input."""
        if isinstance(self._source, Playable):
            self._source.seek(self._source.elapsed + seconds)
            self._emit(Progress(self._source.elapsed, self._source.duration))
        elif self.phase is Phase.ENDED and seconds < 0:
            self._recapture(max(0.0, self._ended_at + seconds))

    def restart(self) -> None:
        """Open the same input again; a file plays from its beginning."""
        if self._input:
            self.use_input(self._input)

    async def stop(self, drain: float) -> None:
        """End: capture stops at once, and what was captured gets up to `drain` seconds to be heard."""
        if self._capturing is not None:
            self._capturing.cancel()
            await asyncio.wait({self._capturing})
        self._cut()
        self._unpaused.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._drained(), drain)
        for segment in self._segments:
            self._keep_pending(segment)
            segment.done = True
        self._release()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # Sound in

    def _recapture(self, elapsed: float = 0.0, *, announce: bool = True) -> None:
        """Open the input anew; a file at `elapsed` seconds."""
        previous, self._capturing = self._capturing, None
        if previous is not None:
            previous.cancel()
        self._capturing = self._start(self._capture(elapsed, announce, previous))

    async def _capture(self, elapsed: float, announce: bool, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        self._cut()
        self.paused = False
        self._unpaused.set()
        self._set_phase(Phase.STARTING, f"opening {self._input}")
        source: AudioSource | None = None
        try:
            source = await self._open_source(self._input, self.listening.audio_format, self._position)
            self._source = source
            if elapsed and isinstance(source, Playable):
                source.seek(elapsed)
            self._meter = LevelMeter()
            if announce:
                self._emit(InputChanged(self._track, self.time, datetime.now(UTC), source.kind, source.name))
            self._set_phase(Phase.CONNECTING)
            async for block in source.blocks():
                self._take(block, source)
                while not self.listening.audio_format.real_time and self._unsent() > AHEAD_SECONDS:
                    self._moved.clear()
                    await self._moved.wait()
            self._cut()
            self._ended_at = source.elapsed if isinstance(source, Playable) else 0.0
            await self._drained()
            self._set_phase(Phase.ENDED, source.name)
        except InputError as error:
            self._cut()
            self.error = error
            self._emit(Notice(self.time, datetime.now(UTC), Severity.ERROR, error.message, error.hint))
            self._set_phase(Phase.NO_INPUT, error.message)
        finally:
            self._source = None
            if source is not None:
                await source.aclose()

    def _take(self, block: AudioBlock, source: AudioSource) -> None:
        if block.position > self._position:
            start, end = self.time, block.position / block.rate
            self._cut()
            self._emit(Gap(self._track, start, end, datetime.now(UTC), "the audio was not taken in time"))
        if self._live is None:
            wall = datetime.now(UTC) - timedelta(seconds=block.seconds)
            self._live = Segment(block.position, block.rate, wall)
            self._segments.append(self._live)
            before = self._segments[-2] if len(self._segments) > 1 else None
            self._start(self._recognise(self._live, before))
        self._live.take(block)
        self._position = block.end
        self._emit(self._meter.measure(block))
        if isinstance(source, Playable):
            self._emit(Progress(source.elapsed, source.duration))
        self._bound_kept_audio()

    def _cut(self) -> None:
        """End the live segment here: the next sample will be the first of another."""
        if self._live is not None:
            self._live.close()
            self._live = None

    def _unsent(self) -> float:
        return sum((segment.end - segment.sent) / segment.rate for segment in self._segments)

    def _bound_kept_audio(self) -> None:
        """Turn the oldest audio into a gap when more is kept than `KEPT_SECONDS`."""
        excess = sum(segment.kept for segment in self._segments) - KEPT_SECONDS
        if excess <= 0:
            return
        oldest = self._segments[0]
        start = oldest.seconds(oldest.covered)
        oldest.cover(oldest.covered + round(excess * oldest.rate))
        oldest.sent = max(oldest.sent, oldest.covered)
        end = oldest.seconds(oldest.covered)
        last = oldest.outbox[-1] if oldest.outbox else None
        if isinstance(last, Gap):
            oldest.outbox[-1] = replace(last, end=end)
        else:
            oldest.outbox.append(Gap(self._track, start, end, oldest.wall_at(start), "nobody was listening"))

    # Words out

    async def _recognise(self, segment: Segment, before: Segment | None) -> None:
        """Have a segment heard by one stream after another until all of it is covered."""
        if before is not None:
            await before.handed_over.wait()
        failures = 0
        failing_since = self._clock()
        while True:
            await self._unpaused.wait()
            covered = segment.covered
            try:
                await self._hear(segment)
                failure = None
            except CaptionsError as error:
                failure = error
            if segment.closed and (failure is None or segment.covered >= segment.end):
                break
            if segment.covered > covered:
                failures = 0
            if failures == 0:
                failing_since = self._clock()
            failures += 1
            if failure is not None and not self._worth_retrying(failure, failing_since):
                await self._wait_for_change(failure)
                failures = 0
            else:
                await self._back_off(failures, failure)
        self._keep_pending(segment)
        segment.cover(segment.end)
        segment.handed_over.set()
        segment.done = True
        self._release()

    async def _hear(self, segment: Segment) -> None:
        """One stream over a segment, from what is covered to its end. Raises what broke it."""
        listening = self.listening
        self._at_work[id(listening.recognizer)] += 1
        try:
            await self._hear_with(listening, segment)
        finally:
            self._at_work[id(listening.recognizer)] -= 1
            self._moved.set()

    async def _hear_with(self, listening: Listening, segment: Segment) -> None:
        if segment is self._live and self.phase is not Phase.RECONNECTING:
            self._set_phase(Phase.CONNECTING)
        await listening.recognizer.prepare()
        options = replace(listening.options(listening.recognizer.languages), sample_rate_hertz=segment.rate)
        stream = await listening.recognizer.open(options)
        first = segment.sent = segment.covered
        try:
            if not segment.closed:
                self._set_phase(Phase.LISTENING)
            receiving = asyncio.create_task(self._receive(segment, stream, first, options))
            sending = asyncio.create_task(self._send(segment, stream))
            try:
                await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done() and not sending.exception():
                    segment.handed_over.set()
                    self._moved.set()
                await asyncio.wait({receiving}, timeout=DRAIN_SECONDS)
                if not receiving.done():
                    raise StreamError("DEADLINE_EXCEEDED", "The recogniser did not finish after the end of the audio.")
                receiving.result()
            finally:
                receiving.cancel()
                sending.cancel()
                await asyncio.gather(receiving, sending, return_exceptions=True)
        finally:
            await stream.cancel()

    async def _send(self, segment: Segment, stream: RecognitionStream) -> None:
        """Send audio as it comes; what was kept goes faster than real time, until the stream is live again."""
        while (block := await segment.audio_from(segment.sent)) is not None:
            await stream.send(block.samples)
            segment.sent = max(segment.sent, block.end)
            if segment.pending is None:
                segment.cover(segment.sent - round(UNHEARD_SECONDS * segment.rate))
            self._moved.set()
            if segment.sent < segment.end and self.listening.audio_format.real_time:
                await asyncio.sleep(block.seconds / REPLAY_SPEED)
        await stream.half_close()

    async def _receive(
        self, segment: Segment, stream: RecognitionStream, first: int, options: RecognitionOptions
    ) -> None:
        since = first
        offset = segment.seconds(first)
        async for hypothesis in stream.hypotheses():
            words = tuple(replace(w, start=offset + w.start, end=offset + w.end) for w in hypothesis.words)
            heard = self._place(segment, hypothesis.text.strip(), words, since)
            if hypothesis.final:
                segment.pending = None
                since = max(since, round(heard.end * segment.rate))
                segment.cover(since)
                if heard.text:
                    self._say(segment, _final(segment, heard, hypothesis.end_of_utterance, words))
                if hypothesis.end_of_utterance and options.single_utterance:
                    await stream.half_close()
                    self._one_utterance_heard(segment)
            elif heard.text != (segment.pending.text if segment.pending else ""):
                segment.pending = heard if heard.text else None
                self._say(segment, heard)

    def _place(self, segment: Segment, text: str, words: tuple[Word, ...], since: int) -> Partial:
        """Give a text its place in time.

        With word times from the recogniser: from its first word to its last. Without them: from the end of the last
        final, or from a second before its first words came, to all that was sent.
        """
        if words:
            return Partial(self._track, words[0].start, words[-1].end, text)
        end = segment.seconds(segment.sent)
        if segment.pending is not None:
            return Partial(self._track, segment.pending.start, end, text)
        return Partial(self._track, max(segment.seconds(since), end - 1.0), end, text)

    def _say(self, segment: Segment, event: Final | Partial) -> None:
        if isinstance(event, Partial) and segment.outbox and isinstance(segment.outbox[-1], Partial):
            segment.outbox.pop()
        segment.outbox.append(event)
        self._release()

    def _keep_pending(self, segment: Segment) -> None:
        """Text that was on the screen when its stream ended without confirming it is kept as it stood."""
        if segment.pending is not None:
            segment.outbox.append(_final(segment, segment.pending, end_of_utterance=True))
            segment.pending = None

    def _release(self) -> None:
        """Let out what was heard, in the order of the audio."""
        while self._segments:
            head = self._segments[0]
            while head.outbox:
                self._emit(head.outbox.popleft())
            if not head.done:
                return
            self._segments.popleft()
            self._moved.set()

    async def _drained(self) -> None:
        while self._segments:
            self._moved.clear()
            await self._moved.wait()

    def _one_utterance_heard(self, segment: Segment) -> None:
        segment.cover(segment.end)
        if segment is self._live:
            self.pause("one utterance was heard")

    # When it breaks

    def _worth_retrying(self, error: CaptionsError, failing_since: float) -> bool:
        if self._give_up_after is not None and self._clock() - failing_since > self._give_up_after:
            return False
        return isinstance(error, StreamError) and (error.code in RETRIED or SIZE_LIMIT_TEXT in error.details)

    def _try_again(self) -> None:
        """Wake whoever waits for a change, or for the next retry."""
        self.error = None
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_for_change(self, error: CaptionsError) -> None:
        """Stop with the error's own words until the settings are changed."""
        self.error = error
        self._emit(Notice(self.time, datetime.now(UTC), Severity.ERROR, error.message, error.hint))
        self._set_phase(Phase.FAILED, str(error))
        await self._changed.wait()

    async def _back_off(self, failures: int, error: CaptionsError | None) -> None:
        """Wait before the next stream: not at all at first, then 0.5 s, 1 s, 2 s ... with jitter."""
        if not self.paused:
            self._set_phase(Phase.RECONNECTING, str(error) if error is not None else "the stream ended early")
        if failures > 1:
            wait = min(LONGEST_WAIT, 0.5 * 2 ** (failures - 2)) * random.uniform(0.75, 1.25)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)

    # Odds and ends

    def _set_phase(self, phase: Phase, detail: str = "") -> None:
        self.phase = phase
        name = self.listening.recognizer.name
        before = self._state
        if before is None or (before.phase, before.detail, before.recognizer) != (phase, detail, name):
            since = before.since if before is not None and before.phase is phase else self._clock()
            self._state = SessionState(phase, name, detail, since)
            self._emit(self._state)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._crash.done():
            self._crash.set_exception(error)


def _final(segment: Segment, heard: Partial, end_of_utterance: bool, words: tuple[Word, ...] = ()) -> Final:
    return Final(
        heard.track,
        heard.start,
        max(heard.end, heard.start),
        segment.wall_at(heard.start),
        heard.text,
        end_of_utterance,
        words,
    )
