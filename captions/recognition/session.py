"""Many streams as one endless recognition: sound goes in, events come out.

The audio of a session is cut into segments: where the input changes, the settings do, at a pause, and before a stream
reaches a limit of its recogniser (`limits`), then in a pause of speech if there is one. Each segment is heard by a
stream of its own (`hearing`), and the next one listens while the one before is being drained; what they say comes out
in the order of the audio.

A stream that breaks is followed by another, which is sent again all audio that may not have been heard. The retries
wait longer and longer, up to `LONGEST_WAIT`, and start over when something was heard. An error that a retry cannot
mend stops the session until something is changed. The audio is kept meanwhile, up to `Listening.kept_seconds`; beyond
that the oldest becomes a gap.

Where audio is billed, a stream is ended in a long silence, and another begun when speech returns.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from captions.audio.block import AudioBlock
from captions.audio.endless import Lost, Missed, Opened, endless
from captions.audio.names import shown_name
from captions.audio.pauses import SpeechDetector
from captions.audio.source import AudioFormat, AudioSource, Playable, open_source
from captions.errors import CaptionsError, InputError, ModelMissing, StreamError
from captions.events import (
    Backlog,
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
    Severity,
    StreamEnded,
)
from captions.recognition.delays import DelayMeter
from captions.recognition.hearing import Hearing
from captions.recognition.intake import Intake
from captions.recognition.listening import Listening
from captions.recognition.opening import open_stream
from captions.recognition.recognizer import Recognizer
from captions.recognition.segment import Segment
from captions.recognition.sequence import Sequence
from captions.recognition.standing import Standing, Trouble

LONGEST_WAIT = 15.0
"""The longest wait before a retry, in seconds."""
SILENT_LIMIT = 12.0
"""Seconds of speech without any result after which a stream is taken for dead; more after each that was in vain."""
MOST_SILENT_LIMIT = 120.0
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


class Session:
    """One recording, as the user sees it. All methods are called on the event loop that runs `run`.

    `give_up_after` is how many seconds one stream after another may fail before that stops the session; None retries
    for ever. `captured` is called with every block of sound, before anybody hears it.
    """

    def __init__(
        self,
        listening: Listening,
        emit: Callable[[Event], None],
        *,
        track: str = "main",
        open_source: Callable[[str, AudioFormat, int], Awaitable[AudioSource]] = open_source,
        make_detector: Callable[[float], SpeechDetector] = SpeechDetector,
        give_up_after: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        captured: Callable[[AudioBlock], None] = lambda block: None,
    ) -> None:
        self.listening = listening
        self.error: CaptionsError | None = None
        self.delays = DelayMeter(clock)
        self._emit = emit
        self._track = track
        self._give_up_after = give_up_after
        self._clock = clock
        self._captured = captured
        self.paused = False
        self._open_source = open_source
        self._input = ""
        self._source: AudioSource | None = None
        self._capturing: asyncio.Task[None] | None = None
        self._ended_at = 0.0
        self._sequence = Sequence(track, emit)
        self._intake = Intake(listening, self._sequence, self._begin, track=track, make_detector=make_detector)
        self._tasks: set[asyncio.Task[None]] = set()
        self._crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._unpaused = asyncio.Event()
        self._unpaused.set()
        self._standing = Standing(emit, self._of_stream, clock)
        self._backlog = Backlog(0.0, 0)
        self._silent_limit = SILENT_LIMIT
        self._units = 0
        self._remarks: set[str] = set()
        """What services have said of their streams and was told; a service repeats itself."""
        self._at_work: Counter[int] = Counter()
        self._language = ""
        """What the last stream was asked for."""
        self._listens = ""
        """The name of the recogniser to which a stream was opened last."""

    async def run(self) -> None:
        """Last until cancelled; raises what went wrong inside, if it was not foreseen."""
        await self._crash

    @property
    def phase(self) -> Phase:
        """What the session is doing, in one word."""
        return self._standing.phase

    @property
    def time(self) -> float:
        """Seconds of audio captured so far."""
        return self._intake.time

    @property
    def speaking(self) -> bool:
        """Whether somebody is being heard to speak."""
        return self._intake.speech.speaking

    @property
    def playing(self) -> bool:
        """Whether the input is a file, in which one can seek."""
        return isinstance(self._source, Playable)

    def end_of(self, final: Final) -> float | None:
        """Return when the speech of a final ended, in seconds on the session's clock; None where that is not known.

        Word times tell. Without them our own detector does, if the final ends an utterance, and is of one run of speech
        without a pause that is over: with another run before it or after it, it may be of either.
        """
        if final.words:
            return final.words[-1].end
        return final.end if final.end_of_utterance and self._intake.speech.is_run(final.start, final.end) else None

    # What a person can do

    def use_input(self, name: str) -> None:
        """Hear another input from now on, by the names of `open_source`. What had stopped the session is tried anew."""
        self._input = name
        self.paused = False
        self._unpaused.set()
        self._recapture()
        self._try_again()

    def use_listening(self, listening: Listening) -> None:
        """Hear with another recogniser or other settings; what was heard stays.

        A stream at work ends at the next pause in speech, or soon between two words, so that none is cut. Audio that
        waits to be heard is heard with the new settings.
        """
        previous, self.listening = self.listening, listening
        self._intake.change(listening)
        if listening.audio_format != previous.audio_format and self._source is not None:
            self._recapture(self._source.elapsed if isinstance(self._source, Playable) else 0.0, announce=False)
        self._try_again()

    async def let_go(self, recognizer: Recognizer) -> None:
        """Wait until a recogniser that was replaced has said its last words."""
        while self._at_work[id(recognizer)]:
            await self._sequence.next_move()

    def pause(self, detail: str = "") -> None:
        """Stop listening: nothing is captured, sent or billed until `resume`."""
        if not self.paused and self._capturing is not None and not self._capturing.done():
            self.paused = True
            self._unpaused.clear()
            if self._source is not None:
                self._source.pause()
            self._intake.cut()
            self._sequence.tell(Paused(self.time, datetime.now(UTC)))
            self._standing.set(Phase.PAUSED, detail)

    def resume(self) -> None:
        """Listen again."""
        if self.paused:
            self.paused = False
            self._unpaused.set()
            # A block that was on its way when the pause began belongs to the time before it.
            self._intake.cut()
            self._sequence.tell(Resumed(self.time, datetime.now(UTC)))
            if self._source is not None:
                self._source.resume()
            self._standing.set(Phase.CONNECTING)
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

    def retry(self) -> None:
        """Try again now what had stopped the session: what it needs has come. The input goes on as it is."""
        self._try_again()

    async def stop(self, drain: float) -> None:
        """End: capture stops at once, and what was captured gets up to `drain` seconds to be heard."""
        if self._capturing is not None:
            self._capturing.cancel()
            await asyncio.wait({self._capturing})
        self._intake.cut()
        self._unpaused.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._sequence.drained(), drain)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._sequence.end()

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
        self._intake.begin_input()
        if not self.paused:
            self._standing.set(Phase.STARTING, f"opening {shown_name(self._input)}")
        audio_format = self.listening.audio_format

        def open_at(position: int) -> Awaitable[AudioSource]:
            return self._open_source(self._input, audio_format, position)

        sound = endless(open_at, self._intake.position, audio_format.rate)
        try:
            async with contextlib.aclosing(sound):
                async for item in sound:
                    match item:
                        case AudioBlock():
                            self._take(item)
                            while not audio_format.real_time and self._sequence.unsent > AHEAD_SECONDS:
                                await self._sequence.next_move()
                        case Opened(source, again):
                            self._source = source
                            if self.paused:
                                source.pause()
                            if elapsed and isinstance(source, Playable):
                                source.seek(elapsed)
                            if announce or again:
                                self._sequence.tell(
                                    InputChanged(self._track, self.time, datetime.now(UTC), source.kind, source.name)
                                )
                            if not self.paused:
                                self._standing.set(Phase.CONNECTING)
                        case Lost(error):
                            self._intake.cut()
                            self._notice(Severity.WARNING, error)
                            self._standing.set(Phase.WAITING, error.message)
                        case Missed(seconds, reason):
                            self._intake.skip(seconds, reason)
            self._intake.cut()
            await self._sequence.drained()
            self._emit(Backlog(0.0, 0))
            self._standing.set(Phase.ENDED, self._source.name if self._source is not None else "")
        except InputError as error:
            self._intake.cut()
            self.error = error
            self._notice(Severity.ERROR, error)
            self._standing.set(Phase.NO_INPUT, error.message)
        finally:
            self._source = None

    def _take(self, block: AudioBlock) -> None:
        if self.listening.audio_format.real_time:
            self.delays.captured(block)
        if isinstance(self._source, Playable):
            self._ended_at = self._source.elapsed
            self._emit(Progress(self._source.elapsed, self._source.duration))
        self._captured(block)
        was_silent = self._intake.silent
        self._emit(self._intake.take(block))
        if self._intake.silent is not was_silent:
            waits = "silence: the stream goes on when somebody speaks"
            self._standing.set(Phase.LISTENING, waits if self._intake.silent else "")
        self._tell_backlog()

    def _tell_backlog(self) -> None:
        backlog = Backlog(self._sequence.unsent, self._standing.failures)
        if backlog.failures != self._backlog.failures or abs(backlog.seconds - self._backlog.seconds) >= 0.5:
            self._backlog = backlog
            self._emit(backlog)

    # Words out

    def _begin(self, segment: Segment, before: Segment | None) -> None:
        self._start(self._recognise(segment, before))

    async def _recognise(self, segment: Segment, before: Segment | None) -> None:
        """Have a segment heard by one stream after another until all of it is covered."""
        if before is not None:
            await before.handed_over.wait()
        failures, failing_since, renewed = 0, self._clock(), False
        while True:
            await self._unpaused.wait()
            progress = (segment.covered, segment.results)
            failure: CaptionsError | None = None
            listening, heard = self.listening, False
            try:
                heard = await self._hear(segment, listening)
            except CaptionsError as error:
                failure = error
            heard = heard and failure is None
            if segment.closed and (heard or segment.covered >= segment.end):
                break
            self._sequence.broke(segment)
            if not heard and self.listening is not listening:  # what went wrong was changed meanwhile
                failures, renewed = 0, False
                self._standing.again(segment)
                continue
            if (segment.covered, segment.results) != progress:
                failures, renewed = 0, False
            if failures == 0:
                failing_since = self._clock()
            failures += 1
            if not renewed and isinstance(failure, StreamError) and failure.code == "UNAUTHENTICATED":
                renewed = True
                failure = await self._renew(failure)
                if failure is None:
                    continue
            if failure is not None and not self._worth_retrying(failure, failing_since):
                await self._wait_for_change(segment, failures, failure)
                failures, renewed = 0, False
            else:
                await self._back_off(segment, failures, failure)
        self._standing.done(segment)
        self._sequence.finish(segment)

    async def _hear(self, segment: Segment, listening: Listening) -> bool:
        """One stream over a segment, from what is covered to its end; whether there was one. Raises what broke it."""
        self._at_work[id(listening.recognizer)] += 1
        try:
            opened = await open_stream(
                listening,
                segment.rate,
                now=lambda: self.listening,
                changed=lambda: self._changed,
                slow=lambda: self._get_ready(segment),
            )
            if opened is None:
                return False
            stream, options = opened
            first, results = segment.covered, segment.results
            segment.attached = True
            segment.heard_with = listening
            self._listens = listening.recognizer.name
            # One that does not say which languages it has cannot be asked for one.
            asked = (options.language_code, *options.more_languages) if listening.recognizer.languages else ()
            self._language = ", ".join(dict.fromkeys(asked))
            if not self._standing.is_in_trouble(segment):  # what follows a failure may fail at once, too
                self._is_heard(segment)
            hearing = Hearing(
                segment,
                self._intake.speech,
                options,
                track=self._track,
                real_time=listening.audio_format.real_time,
                silent_limit=self._silent_limit,
                say=lambda event: self._heard(segment, event, listening.recognizer.name),
                remark=self._pass_on,
                lives=lambda: self._is_heard(segment),
                moved=self._moved,
                delays=self.delays,
                clock=self._clock,
            )
            try:
                await hearing.run(stream)
            except CaptionsError:
                segment.attached = False
                raise
            finally:
                in_vain = segment.results == results
                self._silent_limit = min(MOST_SILENT_LIMIT, 2 * self._silent_limit) if in_vain else SILENT_LIMIT
                segment.heard_with = None
                await stream.cancel()
                self._count(listening.recognizer, segment, first)
            if hearing.utterance_ended and segment is self._intake.live:
                self.pause("one utterance was heard")
            return True
        finally:
            self._at_work[id(listening.recognizer)] -= 1
            self._sequence.moved()

    def _get_ready(self, segment: Segment) -> None:
        """Say that the recogniser takes long to get ready."""
        self._standing.connecting(self.listening.recognizer.preparing, live=segment is self._intake.live)

    def _is_heard(self, segment: Segment) -> None:
        """Say that a stream is at work on a segment."""
        self._standing.heard(segment, live=segment is self._intake.live)
        self._tell_backlog()

    def _moved(self) -> None:
        """Audio was sent or covered."""
        self._sequence.moved()
        self._tell_backlog()

    def _heard(self, segment: Segment, event: Final | Gap | Partial, name: str) -> None:
        if not isinstance(event, Gap) and event.text:
            self._intake.last_words = self.time
            self._sequence.heard_by(segment, name, event.start)
        self._sequence.say(segment, event)

    def _count(self, recognizer: Recognizer, segment: Segment, first: int) -> None:
        """Note what a stream was sent and what that is billed."""
        seconds = (segment.sent - first) / segment.rate
        units = recognizer.limits.units(seconds)
        self._units += units
        time = segment.seconds(first)
        segment.after.append(StreamEnded(time, segment.wall_at(time), recognizer.name, seconds, units, self._units))

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

    async def _renew(self, refusal: StreamError) -> CaptionsError | None:
        """Read credentials again; None when that went well, so that another stream is worth a try."""
        try:
            return refusal if not await self.listening.recognizer.renew() else None
        except CaptionsError as error:
            return error

    async def _wait_for_change(self, segment: Segment, failures: int, error: CaptionsError) -> None:
        """Stop with the error's own words until something is changed."""
        self.error = error
        if not isinstance(error, ModelMissing):  # a question, and no error yet: whoever asks it says why
            self._notice(Severity.ERROR, error)
        self._standing.in_trouble(segment, Trouble(Phase.FAILED, str(error), failures))
        await self._changed.wait()
        self._standing.again(segment)

    async def _back_off(self, segment: Segment, failures: int, error: CaptionsError | None) -> None:
        """Wait before the next stream: not at all at first, then 0.5 s, 1 s, 2 s ... with jitter."""
        detail = error.hint_first if error is not None else "the stream ended early"
        self._standing.in_trouble(segment, Trouble(Phase.RECONNECTING, detail, failures))
        if failures > 1:
            wait = min(LONGEST_WAIT, 0.5 * 2 ** (failures - 2)) * random.uniform(0.75, 1.25)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait)
                self._standing.again(segment)

    # Odds and ends

    def _pass_on(self, remark: str) -> None:
        """Tell what a service says of its streams, each remark once in a session."""
        if remark not in self._remarks:
            self._remarks.add(remark)
            name = self.listening.recognizer.name
            self._emit(Notice(self.time, datetime.now(UTC), Severity.WARNING, f"{name} says: {remark}"))

    def _notice(self, severity: Severity, error: CaptionsError) -> None:
        self._emit(Notice(self.time, datetime.now(UTC), severity, error.message, error.advice))

    def _of_stream(self) -> tuple[str, str]:
        """Return who listens, and for which language, where a stream was asked for one."""
        name = self.listening.recognizer.name
        return name, self._language if name == self._listens else ""

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._crash.done():
            self._crash.set_exception(error)
