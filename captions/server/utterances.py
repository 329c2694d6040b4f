"""From pieces of audio to utterances: when to read what was spoken, and where one utterance ends.

A detector tells speech from silence, a reader turns a stretch of audio into text; both belong to the engine. What is
here is the same for every model that reads a whole stretch at a time.

- The open stretch is read again every `READ_EVERY` seconds while someone speaks: that is the partial.
- It is read once more when speech stops. If silence lasts for `END_SILENCE`, that text is the final with the end of
  the utterance, so the final waits for nothing but the silence.
- Speech that goes on before that belongs to the same utterance. Once a stretch is longer than `LONG` it ends at such
  a short pause, as a final without end of utterance, because what a partial costs grows with the stretch. So it does at
  a pause of `END_SILENCE`, where the client wants longer ones within its utterances.
- Speech without any pause is cut after `LONGEST`, at the quietest moment of the last `CUT_WITHIN`.

Each sample is in one stretch at most, so no word is said twice where one stretch ends and the next begins.
"""

from typing import Protocol

import numpy as np

from captions.audio.block import Samples
from captions.events import Word
from captions.server.engines import RATE, Heard

STEP = RATE // 10
"""Samples that are looked at in one go: 100 ms."""
READ_EVERY = 0.4
"""Seconds of speech between two partials; with the step and the reading itself this stays under 0.5 s."""
FIRST_READ = 0.7
"""Seconds that a stretch must have before it is read for the first time: of less, models make things up."""
SHORTEST = 0.55
"""Seconds that a stretch must have to hold a word, what the detector puts before speech included: a click is less."""
END_SILENCE = 0.5
"""Seconds of silence, after the detector has noticed it, that end an utterance where the client says nothing of it."""
LONG = 4.0
"""Seconds after which a stretch ends at the next short pause."""
LONGEST = 10.0
"""Seconds after which a stretch is cut though nobody paused."""
CUT_WITHIN = 3.0
"""Seconds before the present in which such a cut looks for its place."""
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


class Reader(Protocol):
    """Turns a stretch of audio into text. Blocks; may be shared by streams in several threads."""

    def read(self, samples: Samples, *, urgent: bool) -> str:
        """Return what is said in `samples`; empty for nothing. `urgent` goes before what is not."""
        ...


class Utterances:
    """One stream, heard with a detector of its own and a shared reader. It is an `EngineStream`.

    `end_silence`: see Engine.open.
    """

    def __init__(self, detector: Detector, reader: Reader, *, end_silence: float | None = None) -> None:
        self._detector = detector
        self._reader = reader
        self._end_silence = END_SILENCE if end_silence is None else end_silence
        self._audio: Samples = np.empty(0, np.int16)
        self._audio_start = 0
        self._unlooked: Samples = np.empty(0, np.int16)
        self._heard_until = 0
        self._stretch: int | None = None
        """Where the open stretch begins; None between utterances."""
        self._within = False
        """Whether finals of the open utterance were said already, or a partial is on the reader's screen."""
        self._pause: tuple[int, str] | None = None
        """Where speech paused in the open stretch, and what was said until then."""
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
            end, text = self._pause or (self._now, self._read(self._stretch, self._now, urgent=True))
            self._end_utterance(end, text, heard)
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
            end, text = self._pause
            self._pause = None
            parted, self._parted = self._parted, False
            if parted or end - self._stretch >= LONG * RATE:
                self._end_stretch(end, text, heard)
                self._stretch = self._read_at = max(self._detector.start, end)
        length = self._now - self._stretch
        if length >= LONGEST * RATE:
            cut = self._quietest()
            self._end_stretch(cut, self._read(self._stretch, cut, urgent=True), heard)
            self._stretch = self._read_at = cut
        elif partials and length >= FIRST_READ * RATE and self._now - self._read_at >= READ_EVERY * RATE:
            self._say_partial(self._read(self._stretch, self._now, urgent=False), heard)

    def _silence(self, heard: list[Heard], *, partials: bool) -> None:
        assert self._stretch is not None
        if self._pause is None:
            end = max(self._detector.end, self._stretch)
            text = self._read(self._stretch, end, urgent=True)
            self._pause = end, text
            if partials:
                self._say_partial(text, heard)
        silence = self._now - self._pause[0]
        if silence >= self._end_silence * RATE:
            self._end_utterance(*self._pause, heard)
        elif silence >= END_SILENCE * RATE:
            self._parted = True
            self._forget()

    def _read(self, start: int, end: int, *, urgent: bool) -> str:
        self._read_at = self._now
        if end - start < SHORTEST * RATE:
            return ""
        return self._reader.read(self._audio[start - self._audio_start : end - self._audio_start], urgent=urgent)

    def _say_partial(self, text: str, heard: list[Heard]) -> None:
        assert self._stretch is not None
        if text:
            self._within = True
            heard.append(Heard(text, words=(Word(text, self._stretch / RATE, self._now / RATE),)))

    def _end_stretch(self, end: int, text: str, heard: list[Heard]) -> None:
        assert self._stretch is not None
        if text:
            self._within = True
            heard.append(Heard(text, final=True, words=(Word(text, self._stretch / RATE, end / RATE),)))
        self._heard_until = end
        self._forget()

    def _end_utterance(self, end: int, text: str, heard: list[Heard]) -> None:
        assert self._stretch is not None
        if text or self._within:
            words = (Word(text, self._stretch / RATE, end / RATE),) if text else ()
            heard.append(Heard(text, final=True, end_of_utterance=True, words=words))
        self._heard_until = end
        self._stretch = self._pause = None
        self._within = self._parted = False
        self._forget()

    def _quietest(self) -> int:
        tail = self._audio[-int(CUT_WITHIN * RATE) :].astype(np.float32)
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
