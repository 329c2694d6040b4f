"""One stream over a segment of audio: what is sent, what comes back, and how much audio that covers.

What a final covers. Where the recogniser tells up to where it has said all (SpeechKit v3), all audio to there; where
it gives word times, all audio to the end of the last word. Where it gives neither (SpeechKit v2), a final that comes
now covers what had been sent `LATE_SECONDS` ago, back to the last pause in speech: results come later than their
speech, and how much later is not known, but not by more. They do where the link stood still: when no result came for
`STALLED_SECONDS` of speech, finals cover nothing for as long as it takes until none can be that late. What was told
since then may be heard again after a break; `seam` tells it from what is new. Where nothing is pending, audio without
speech is covered as it passes, and so is audio from which a working stream made no words for `WORDLESS_SECONDS`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from captions.audio.pauses import SpeechDetector
from captions.errors import StreamError
from captions.events import Final, Gap, Partial, Word
from captions.recognition.delays import DelayMeter
from captions.recognition.recognizer import Hypothesis, RecognitionOptions, RecognitionStream, Remark
from captions.recognition.seam import Seam
from captions.recognition.segment import Segment

LATE_SECONDS = 8.0
"""No result comes later than this after the speech that it is of: 5 s, and a stall too short to be noticed."""
UNANSWERED_SECONDS = 2.0
"""Speech at the end of a stream of which no final told: more is heard again, once."""
STALLED_SECONDS = 2.0
"""A link on which no result came for so long, though speech was sent, stood still."""
WORDLESS_SECONDS = 60.0
"""Audio this far behind what was sent, with no text pending, was heard and held no words."""
QUIET_MARGIN_SECONDS = 1.0
"""What is kept before the moment until which there is known to be no speech: the detector notices it late."""
DRAIN_SECONDS = 10.0
"""How long a stream may take to deliver its last words after the half-close."""
REPLAY_SPEED = 8.0
"""How much faster than real time kept audio is sent until the stream is live again."""


class Hearing:
    """A stream at work on a segment. `say` takes what was heard, `remark` what the service says of the stream itself.

    `lives` is called with each result, and each second without any. `moved` is called when audio was sent or covered.

    `silent_limit` is how many seconds of speech a stream may leave without any result before it is taken for dead.
    """

    def __init__(
        self,
        segment: Segment,
        speech: SpeechDetector,
        options: RecognitionOptions,
        *,
        track: str,
        real_time: bool,
        silent_limit: float,
        say: Callable[[Final | Gap | Partial], None],
        remark: Callable[[str], None],
        lives: Callable[[], None],
        moved: Callable[[], None],
        delays: DelayMeter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.utterance_ended = False
        self._all_sent = False
        self._segment = segment
        self._speech = speech
        self._options = options
        self._track = track
        self._real_time = real_time
        self._silent_limit = silent_limit
        self._say = say
        self._remark = remark
        self._lives = lives
        self._moved = moved
        self._delays = delays
        self._clock = clock
        self._first = segment.covered
        self._since = segment.seconds(segment.covered)
        """The end of the last final, in seconds on the session's clock."""
        self._answered = segment.seconds(segment.covered)
        """How much had been sent when the last result came, in seconds on the session's clock."""
        self._answered_at = clock()
        """When that was, on the clock that runs by itself."""
        self._confirmed = self._answered
        """How much had been sent when the last final came that did not only say again what was told before a break."""
        self._late_until = 0.0
        """Until when results may be later than `LATE_SECONDS`, on that clock."""
        self._sent: deque[tuple[float, int]] = deque([(clock(), segment.covered)])
        """When how much had been sent: the last `LATE_SECONDS`, and the entry before them."""
        self._seam = Seam([text for _, text in segment.told])
        segment.sent = segment.covered

    async def run(self, stream: RecognitionStream) -> None:
        """Send the segment and receive what is heard, to the end of both. Raises StreamError."""
        receiving = asyncio.create_task(self._receive(stream))
        sending = asyncio.create_task(self._send(stream))
        both = {receiving, sending}
        try:
            while not (receiving.done() or sending.done()):
                done, _ = await asyncio.wait(both, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if not done:
                    self._lives()
                self._see_that_results_come()
            if sending.done() and not sending.cancelled() and sending.exception() is None:
                self._segment.handed_over.set()
                self._moved()
            await asyncio.wait({receiving}, timeout=DRAIN_SECONDS)
            if not receiving.done():
                raise StreamError(
                    "DEADLINE_EXCEEDED", f"The recogniser did not finish within {DRAIN_SECONDS:g} s of the audio's end."
                )
            receiving.result()
            if not (self._all_sent or self.utterance_ended):
                raise StreamError("UNAVAILABLE", "The recogniser ended the stream before its audio ended.")
            self._see_that_the_end_was_heard()
        finally:
            receiving.cancel()
            sending.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _send(self, stream: RecognitionStream) -> None:
        """Send audio as it comes; what was kept goes faster than real time, until the stream is live again."""
        segment = self._segment
        while (block := await segment.audio_from(segment.sent)) is not None:
            await stream.send(block.samples)
            segment.sent = max(segment.sent, block.end)
            self._note_sent()
            self._delays.sent(segment.seconds(block.end))
            self._cover_what_holds_no_words()
            self._moved()
            if segment.sent < segment.end and self._real_time:
                await asyncio.sleep(block.seconds / REPLAY_SPEED)
        self._all_sent = True
        await stream.half_close()

    async def _receive(self, stream: RecognitionStream) -> None:
        segment = self._segment
        offset = segment.seconds(self._first)
        async for result in stream.results():
            if isinstance(result, Remark):
                self._remark(result.text)
                continue
            segment.results += 1
            self._lives()
            self._note_answer()
            words = tuple(replace(w, start=offset + w.start, end=offset + w.end) for w in result.words)
            if result.final:
                await self._take_final(stream, result, words)
            else:
                self._take_partial(result, words)
            if result.covered is not None:
                self._cover_until(offset + result.covered)

    async def _take_final(self, stream: RecognitionStream, hypothesis: Hypothesis, words: tuple[Word, ...]) -> None:
        segment = self._segment
        text = self._unsaid(hypothesis)
        heard = self._place(text, words)
        pending, segment.pending = segment.pending, None
        if text or not hypothesis.text:
            self._confirmed = self._answered
        if text:
            self._since = max(self._since, heard.end)
            wall = segment.wall_at(heard.start)
            ends, language = hypothesis.end_of_utterance, hypothesis.language
            self._say(Final(self._track, heard.start, heard.end, wall, text, ends, words, language))
            segment.told.append((segment.sent, text))
        elif pending is not None and not pending.unconfirmed:
            self._say(replace(heard, text=""))  # what was on the screen turned out to be nothing
        if words:
            self._cover_until(words[-1].end)
        elif hypothesis.covered is None:
            self._cover_what_is_surely_told()
        if hypothesis.end_of_utterance and self._options.single_utterance:
            self.utterance_ended = True
            await stream.half_close()
            segment.cover(segment.end)

    def _take_partial(self, hypothesis: Hypothesis, words: tuple[Word, ...]) -> None:
        segment = self._segment
        text = self._unsaid(hypothesis)
        before = segment.pending.text if segment.pending is not None else ""
        unconfirmed = segment.pending is not None and segment.pending.unconfirmed
        if unconfirmed and not text:
            return
        if text != before or unconfirmed:
            if words and self._real_time:
                self._delays.answered(self._since_sent(words[-1].end))
            heard = self._place(text, words)
            segment.pending = heard if text else None
            self._say(heard)

    def _unsaid(self, hypothesis: Hypothesis) -> str:
        """Return what of a text was not told before a break; where there are times, it began after what was told."""
        if hypothesis.words or hypothesis.covered is not None:
            return hypothesis.text
        return self._seam.unsaid(hypothesis.text, for_good=hypothesis.final)

    def _place(self, text: str, words: tuple[Word, ...]) -> Partial:
        """Give a text its place in time.

        With word times: from its first word to its last. Without them: the speech since the end of the last final.
        """
        if words:
            return Partial(self._track, words[0].start, max(words[0].start, words[-1].end), text, words=words)
        sent = self._segment.seconds(self._segment.sent)
        speech = self._speech.between(self._since, sent) or (self._since, sent)
        return Partial(self._track, speech[0], max(speech), text)

    # What is covered

    def _cover_until(self, time: float) -> None:
        """Cover what a recogniser says it has told, by its own clock; that is never more than it was sent."""
        self._segment.cover(min(round(time * self._segment.rate), self._segment.sent))

    def _note_sent(self) -> None:
        now = self._clock()
        self._sent.append((now, self._segment.sent))
        while len(self._sent) > 1 and self._sent[1][0] <= now - LATE_SECONDS:
            self._sent.popleft()

    def _note_answer(self) -> None:
        now, sent = self._clock(), self._segment.seconds(self._segment.sent)
        stalled = now - self._answered_at > STALLED_SECONDS and self._speech.between(self._answered, sent) is not None
        if stalled and self._options.partial_results:
            self._late_until = now + LATE_SECONDS
        self._answered, self._answered_at = sent, now

    def _since_sent(self, time: float) -> float:
        """How long ago the audio before a time on the session's clock had been sent; no more than what is noted."""
        position = round(time * self._segment.rate)
        moment = next((moment for moment, sent in self._sent if sent >= position), self._sent[-1][0])
        return self._clock() - moment

    def _sent_before(self, seconds: float) -> float:
        """How much had been sent so many seconds ago, in seconds on the session's clock."""
        then = self._clock() - seconds
        position = self._first
        for moment, sent in self._sent:
            if moment <= then:
                position = sent
        return self._segment.seconds(position)

    def _cover_what_is_surely_told(self) -> None:
        if self._clock() < self._late_until:
            return
        segment = self._segment
        covered = segment.seconds(segment.covered)
        certain = self._sent_before(LATE_SECONDS)
        if certain > covered:
            segment.cover(int(self._speech.pause_before(certain, covered) * segment.rate))

    def _cover_what_holds_no_words(self) -> None:
        segment = self._segment
        if segment.pending is not None:
            return
        covered, sent = segment.seconds(segment.covered), segment.seconds(segment.sent)
        judged = min(sent, self._speech.heard)
        speech = self._speech.between(covered, judged)
        quiet_until = (speech[0] if speech is not None else judged) - QUIET_MARGIN_SECONDS
        segment.cover(int(max(quiet_until, sent - WORDLESS_SECONDS) * segment.rate))

    def _see_that_the_end_was_heard(self) -> None:
        """Take a clean end for a break, once, if no final told of the last speech. Raises StreamError.

        A service may end a stream well of which it got nothing for too long; what was on its way it never heard.
        """
        segment = self._segment
        unanswered = self._speech.amount(self._confirmed, segment.seconds(segment.sent))
        if unanswered > UNANSWERED_SECONDS and not (self.utterance_ended or segment.doubted):
            segment.doubted = True
            raise StreamError(
                "UNAVAILABLE", f"The recogniser told no final words of the last {unanswered:.0f} s of speech."
            )

    def _see_that_results_come(self) -> None:
        """Take a stream for dead that says nothing while speech goes on. Raises StreamError."""
        if not (self._real_time and self._options.partial_results):
            return
        sent = min(self._segment.seconds(self._segment.sent), self._speech.heard)
        if self._speech.amount(self._answered, sent) > self._silent_limit:
            raise StreamError(
                "UNAVAILABLE", f"The recogniser has said nothing during {self._silent_limit:g} s of speech."
            )
