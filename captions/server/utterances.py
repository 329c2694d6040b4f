"""From pieces of audio to utterances: when to read what was spoken, and where one utterance ends.

A detector tells speech from silence, a reader turns a stretch of audio into text; both belong to the engine. What is
here is the same for every model that reads a whole stretch at a time.

- The open stretch is read again now and then while someone speaks: that is the partial. How often, the reader says.
- It is read once more when speech stops. If silence lasts for `Timings.end_silence`, that text is the final with the
  end of the utterance, so the final waits for nothing but the silence.
- Speech that goes on before that belongs to the same utterance. Once a stretch is longer than `long` it ends at such
  a short pause, as a final without end of utterance, because what a partial costs grows with the stretch. So it does at
  a pause of `end_silence`, where the client wants longer ones within its utterances.
- Speech without any pause is cut after `longest`, at the quietest moment of the last `cut_within`. So what a reading
  costs is bounded, however long somebody speaks.

Each sample is in one stretch at most, so no word is said twice where one stretch ends and the next begins.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from captions.audio.block import Samples
from captions.events import Word
from captions.server.agreement import Agreement
from captions.server.engines import RATE, Heard

STEP = RATE // 10
"""Samples that are looked at in one go: 100 ms."""
QUIET = RATE // 10
"""Samples over which the quietest moment is measured: 100 ms."""


class Detector(Protocol):
    """Tells speech from silence as audio comes, at a cost that does not grow with the stream.

    Positions are in samples since the stream's audio began.
    """

    speaking: bool
    """Whether the audio so far ends in speech."""
    start: int
    """Where the latest run of speech began."""
    end: int
    """Where the latest run of speech ended, once it is over."""

    def feed(self, samples: Samples) -> None:
        """Take the next samples, at most `STEP` of them."""
        ...


@dataclass(frozen=True, slots=True)
class Timings:
    """What suits a model, in seconds."""

    long: float
    """After so much a stretch ends at the next short pause."""
    longest: float
    """After so much a stretch is cut though nobody paused."""
    first_read: float = 0.7
    """What a stretch must have before it is read for the first time: of less, models make things up."""
    shortest: float = 0.55
    """What a stretch must have to hold a word, what the detector puts before speech included: a click is less."""
    end_silence: float = 0.5
    """Silence, after the detector has noticed it, that ends an utterance where the client says nothing of it."""
    cut_within: float = 3.0
    """How long before the present a cut looks for its place."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in a stretch."""

    text: str = ""
    """Empty for nothing."""
    words: tuple[Word, ...] = ()
    """The text's words, timed in seconds from the start of the stretch, where the model knows them."""
    language: str = ""
    """See Heard."""


class Reader(Protocol):
    """Turns a stretch of audio into text. Blocks; may be shared by streams in several threads."""

    def read_every(self) -> float:
        """Return how many seconds of speech there shall be between two partials."""
        ...

    def read(self, samples: Samples, *, urgent: bool) -> Reading:
        """Return what is said in `samples`.

        `urgent` goes before what is not, and is read with all care: it may become a final.
        """
        ...


class Utterances:
    """One stream, heard with a detector of its own and a reader. It is an `EngineStream`.

    With `agree` a partial holds what two readings agree in (agreement.py). `end_silence`: see Engine.open.
    """

    def __init__(
        self,
        detector: Detector,
        reader: Reader,
        timings: Timings,
        *,
        agree: bool = False,
        end_silence: float | None = None,
    ) -> None:
        self._detector = detector
        self._reader = reader
        self._timings = timings
        self._agreement = Agreement() if agree else None
        self._end_silence = timings.end_silence if end_silence is None else end_silence
        self._audio: Samples = np.empty(0, np.int16)
        self._audio_start = 0
        self._unlooked: Samples = np.empty(0, np.int16)
        self._heard_until = 0
        self._stretch: int | None = None
        """Where the open stretch begins; None between utterances."""
        self._within = False
        """Whether finals of the open utterance were said already, or a partial is on the reader's screen."""
        self._pause: tuple[int, Reading] | None = None
        """Where speech paused in the open stretch, and what was read until then."""
        self._parted = False
        """Whether that pause is so long that the stretch ends there, though the utterance may not."""
        self._read_at = 0

    def hear(self, samples: Samples, *, partials: bool) -> list[Heard]:
        """See EngineStream."""
        self._unlooked = np.concatenate([self._unlooked, samples])
        heard: list[Heard] = []
        while len(self._unlooked) >= STEP:
            step, self._unlooked = self._unlooked[:STEP], self._unlooked[STEP:]
            # Of a long piece only the last step can be worth a partial: the rest is already over.
            self._look(step, heard, partials=partials and len(self._unlooked) < STEP)
        return heard

    def finish(self) -> list[Heard]:
        """See EngineStream."""
        heard: list[Heard] = []
        unlooked, self._unlooked = self._unlooked, self._unlooked[:0]
        if len(unlooked):
            self._look(unlooked, heard, partials=False)
        if self._stretch is not None:
            end, reading = self._pause or (self._now, self._read(self._stretch, self._now, urgent=True))
            self._end_utterance(end, reading, heard)
        return heard

    def close(self) -> None:
        """See EngineStream. There is nothing to free."""

    @property
    def _now(self) -> int:
        return self._audio_start + len(self._audio)

    def _look(self, step: Samples, heard: list[Heard], *, partials: bool) -> None:
        self._audio = np.concatenate([self._audio, step])
        detector = self._detector
        detector.feed(step)
        if detector.speaking:
            self._speech(heard, partials=partials)
        elif self._stretch is not None:
            self._silence(heard, partials=partials)
        else:
            self._forget()

    def _speech(self, heard: list[Heard], *, partials: bool) -> None:
        if self._stretch is None:
            self._stretch = max(self._detector.start, self._heard_until)
            self._read_at = self._stretch
        elif self._pause is not None:
            end, reading = self._pause
            self._pause = None
            parted, self._parted = self._parted, False
            if parted or end - self._stretch >= self._timings.long * RATE:
                self._end_stretch(end, reading, heard)
                self._stretch = self._read_at = max(self._detector.start, end)
        length = self._now - self._stretch
        if length >= self._timings.longest * RATE:
            cut = self._quietest()
            self._end_stretch(cut, self._read(self._stretch, cut, urgent=True), heard)
            self._stretch = self._read_at = cut
        elif partials and length >= self._timings.first_read * RATE and self._is_due():
            reading = self._read(self._stretch, self._now, urgent=False)
            if self._agreement is not None:
                reading = replace(reading, text=self._agreement.heard(reading.text))
            self._say_partial(reading, heard)

    def _is_due(self) -> bool:
        return self._now - self._read_at >= self._reader.read_every() * RATE

    def _silence(self, heard: list[Heard], *, partials: bool) -> None:
        assert self._stretch is not None
        if self._pause is None:
            end = max(self._detector.end, self._stretch)
            reading = self._read(self._stretch, end, urgent=True)
            self._pause = end, reading
            if self._agreement is not None:
                self._agreement.agreed(reading.text)
            if partials:
                self._say_partial(reading, heard)
        silence = self._now - self._pause[0]
        if silence >= self._end_silence * RATE:
            self._end_utterance(*self._pause, heard)
        elif silence >= self._timings.end_silence * RATE:
            self._parted = True
            self._forget()

    def _read(self, start: int, end: int, *, urgent: bool) -> Reading:
        self._read_at = self._now
        if end - start < self._timings.shortest * RATE:
            return Reading()
        return self._reader.read(self._audio[start - self._audio_start : end - self._audio_start], urgent=urgent)

    def _say_partial(self, reading: Reading, heard: list[Heard]) -> None:
        assert self._stretch is not None
        if reading.text:
            self._within = True
            words = (Word(reading.text, self._stretch / RATE, self._now / RATE),)
            heard.append(Heard(reading.text, words=words, language=reading.language))

    def _end_stretch(self, end: int, reading: Reading, heard: list[Heard]) -> None:
        if reading.text:
            self._within = True
            heard.append(self._final(end, reading))
        self._heard_until = end
        if self._agreement is not None:
            self._agreement = Agreement()
        self._forget()

    def _end_utterance(self, end: int, reading: Reading, heard: list[Heard]) -> None:
        if reading.text or self._within:
            heard.append(replace(self._final(end, reading), end_of_utterance=True))
        self._heard_until = end
        self._stretch = self._pause = None
        self._within = self._parted = False
        if self._agreement is not None:
            self._agreement = Agreement()
        self._forget()

    def _final(self, end: int, reading: Reading) -> Heard:
        assert self._stretch is not None
        start = self._stretch / RATE
        words = tuple(replace(word, start=start + word.start, end=start + word.end) for word in reading.words)
        if not words and reading.text:
            words = (Word(reading.text, start, end / RATE),)
        return Heard(reading.text, final=True, words=words, language=reading.language)

    def _quietest(self) -> int:
        tail = self._audio[-int(self._timings.cut_within * RATE) :].astype(np.float32)
        energy = np.convolve(tail * tail, np.ones(QUIET, np.float32), "valid")
        return self._now - len(tail) + int(np.argmin(energy)) + QUIET // 2

    def _forget(self) -> None:
        """Let go of audio that no stretch can begin in any more."""
        keep_from = max(self._heard_until, self._now - RATE)
        if self._stretch is not None and not self._parted:
            keep_from = min(max(self._heard_until, self._stretch), keep_from)
        if keep_from > self._audio_start:
            self._audio = self._audio[keep_from - self._audio_start :].copy()
            self._audio_start = keep_from
