"""A code of sound: speech made of numbers, so that a test can tell exactly which words were lost, doubled or misplaced.

A word is a number from 0 to 99999: a marker and five digits, each a sine of 50 ms, between 500 and 3000 Hz so that it
survives a telephone's 8 kHz and Opus. Words are apart by at least `SHORTEST_GAP` of silence. `ToneEngine` reads them
out of the samples; a word of which more than a few milliseconds are missing, at its beginning, at its end or in its
midst, is not a word.

    spoken = encode(range(100), gaps=speech_like(random.Random(7)))
    service = SttService([ToneEngine()], Limits())
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from captions.audio.block import Samples
from captions.audio.pauses import SpeechDetector
from captions.audio.silero import FRAME
from captions.events import Word
from captions.server.engines import RATE, EngineStream, Heard

SYMBOL_SECONDS = 0.05
DIGITS = 5
WORD_SECONDS = SYMBOL_SECONDS * (DIGITS + 1)
NUMBERS = 10**DIGITS
SHORTEST_GAP = 0.06
"""Seconds of silence that part two words at least."""
MARKER_HERTZ = 520.0
DIGITS_HERTZ = tuple(760.0 + 240.0 * digit for digit in range(10))
AMPLITUDE = 6_500
"""Peak of a word, like speech near a microphone: -14 dBFS."""
RAMP_SECONDS = 0.003
"""How long a symbol takes to swell and to fade, so that it does not click."""
LOUD = 330
"""Samples beyond this are of a word: -40 dBFS."""
QUIET = RATE // 100
"""So many samples without a loud one end a word: 10 ms; within a word, loud ones come every millisecond."""
LACKING = RATE * 5 // 1000
RINGING = RATE * 25 // 1000
"""Samples by which a word may be too short, as resamplers make it, and too long: Opus rings after it."""
PURE = 0.7
"""The part of a symbol's energy that must be in one of the frequencies."""

_SYMBOL = round(SYMBOL_SECONDS * RATE)
_WINDOW = np.hanning(_SYMBOL * 7 // 10)
_FREQUENCIES = np.array([*DIGITS_HERTZ, MARKER_HERTZ])
_MARKER = len(DIGITS_HERTZ)
_PROBES = _WINDOW * np.exp(-2j * np.pi * _FREQUENCIES[:, None] * np.arange(len(_WINDOW)) / RATE)
_PURE_TONE = _WINDOW.sum() ** 2 / (2 * (_WINDOW**2).sum())


@dataclass(frozen=True, slots=True)
class Spoken:
    """Sound, and the truth about it: each word's number as text, with its start and end in seconds of the sound."""

    samples: Samples
    words: tuple[Word, ...]
    rate: int = RATE

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def encode(numbers: Iterable[int], gaps: Iterator[float], *, rate: int = RATE) -> Spoken:
    """Say `numbers` at `rate`, with the next of `gaps` (seconds) before each and after the last."""
    pieces: list[Samples] = []
    words: list[Word] = []
    position = 0

    def wait() -> int:
        silence = np.zeros(round(max(next(gaps), SHORTEST_GAP) * rate), np.int16)
        pieces.append(silence)
        return len(silence)

    for number in numbers:
        position += wait()
        word = _word(number, rate)
        pieces.append(word)
        words.append(Word(str(number), position / rate, (position + len(word)) / rate))
        position += len(word)
    wait()
    return Spoken(np.concatenate(pieces), tuple(words), rate)


def speech_like(chance: random.Random, longest: float = 1.5) -> Iterator[float]:
    """Yield gaps as people make them: sentences of a few words, pauses of 0.4 s to `longest`, now and then none."""
    while True:
        yield chance.uniform(0.4, longest)
        words = chance.choice((1, 2, 4, 6, 8, 12)) if chance.random() < 0.9 else chance.randint(30, 60)
        for _ in range(words):
            yield chance.uniform(SHORTEST_GAP, 0.15)


def without_pause(chance: random.Random) -> Iterator[float]:
    """Yield gaps of someone who never pauses: 0.15 s at most."""
    while True:
        yield chance.uniform(SHORTEST_GAP, 0.15)


def _word(number: int, rate: int) -> Samples:
    assert 0 <= number < NUMBERS, number
    tones = [_FREQUENCIES[_MARKER], *(_FREQUENCIES[int(digit)] for digit in f"{number:0{DIGITS}}")]
    length = round(SYMBOL_SECONDS * rate)
    time = np.arange(length) / rate
    edge = np.minimum(time + 0.5 / rate, time[::-1] + 0.5 / rate) / RAMP_SECONDS
    envelope = AMPLITUDE * np.sin(np.pi / 2 * np.minimum(edge, 1.0)) ** 2
    return np.concatenate([np.round(envelope * np.sin(2 * np.pi * tone * time)) for tone in tones]).astype(np.int16)


def read_word(samples: Samples) -> str | None:
    """Return the number in sound at `RATE` that should be one word from its first to its last sample, or None."""
    if not -LACKING <= len(samples) - (DIGITS + 1) * _SYMBOL <= RINGING:
        return None
    starts = np.arange(DIGITS + 1) * _SYMBOL + (_SYMBOL - len(_WINDOW)) // 2
    windows = samples[np.minimum(starts[:, None] + np.arange(len(_WINDOW)), len(samples) - 1)].astype(np.float64)
    powers = np.abs(windows @ _PROBES.T) ** 2
    symbols = powers.argmax(axis=1)
    pure = powers.max(axis=1) >= PURE * _PURE_TONE * ((windows * _WINDOW) ** 2).sum(axis=1)
    if not pure.all() or symbols[0] != _MARKER or (symbols[1:] == _MARKER).any():
        return None
    return str(int("".join(map(str, symbols[1:]))))


class ToneReader:
    """Reads words out of sound that comes in pieces of any length. Times are seconds since the first sample."""

    def __init__(self) -> None:
        self.read = 0
        """Samples that came."""
        self._unread: Samples = np.empty(0, np.int16)
        self.rejected = 0
        """Sounds that were no words."""

    @property
    def within(self) -> float | None:
        """When the sound began that has not ended yet; None in silence."""
        return (self.read - len(self._unread)) / RATE if len(self._unread) else None

    def hear(self, samples: Samples) -> list[Word]:
        """Return the words that have ended."""
        self.read += len(samples)
        return self._words(np.concatenate([self._unread, samples]))

    def finish(self) -> list[Word]:
        """Return the word that ends with the sound, if it is one. More sound may follow."""
        unread, self._unread = self._unread, np.empty(0, np.int16)
        self.read += QUIET
        words = self._words(np.concatenate([unread, np.zeros(QUIET, np.int16)]))
        self.read -= QUIET
        return words

    def _words(self, sound: Samples) -> list[Word]:
        offset = self.read - len(sound)
        loud = np.flatnonzero((sound > LOUD) | (sound < -LOUD))
        self._unread = np.empty(0, np.int16)
        if not len(loud):
            return []
        breaks = np.flatnonzero(np.diff(loud) > QUIET)
        words: list[Word] = []
        for first, last in zip(loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, len(loud) - 1]], strict=True):
            if len(sound) - last <= QUIET:
                self._unread = sound[first:].copy()
            elif (number := read_word(sound[first : last + 1])) is not None:
                words.append(Word(number, (offset + int(first)) / RATE, (offset + int(last) + 1) / RATE))
            else:
                self.rejected += 1
        return words


class ToneEngine:
    """An engine of the local server that understands nothing but this code.

    `times`: words carry times, as SpeechKit v2's do not. `final_every`: so many words make a final without an end of
    utterance. `end_silence`: seconds of silence that end an utterance, where a client does not say it.
    """

    name = "code of tones"
    languages: tuple[str, ...] = ("en-US",)
    detects_language = False

    def __init__(self, *, times: bool = True, final_every: int = NUMBERS, end_silence: float = 0.5) -> None:
        self._times = times
        self._final_every = final_every
        self._end_silence = end_silence

    def capacity(self) -> int:
        """See Engine."""
        return 64

    def open(self, language: str = "", *, end_silence: float | None = None) -> EngineStream:
        """See Engine."""
        silence = self._end_silence if end_silence is None else end_silence
        return ToneStream(times=self._times, final_every=self._final_every, end_silence=silence)

    def close(self) -> None:
        """See Engine."""


class ToneStream:
    """One stream of a `ToneEngine`."""

    def __init__(self, *, times: bool, final_every: int, end_silence: float) -> None:
        self._reader = ToneReader()
        self._times = times
        self._final_every = final_every
        self._end_silence = end_silence
        self._words: list[Word] = []
        """Words since the last final."""
        self._last_end: float | None = None
        """When the open utterance's last word ended; None between utterances."""

    def hear(self, samples: Samples, *, partials: bool) -> list[Heard]:
        """See EngineStream."""
        heard: list[Heard] = []
        words = self._reader.hear(samples)
        for word in words:
            self._end_utterance_before(word.start, heard)
            self._words.append(word)
            self._last_end = word.end
            if len(self._words) >= self._final_every:
                heard.append(self._final(end_of_utterance=False))
        if words and self._words and partials:
            heard.append(Heard(self._text(), words=self._timed()))
        now = self._reader.within
        self._end_utterance_before(self._reader.read / RATE if now is None else now, heard)
        return heard

    def finish(self) -> list[Heard]:
        """See EngineStream."""
        self._words += self._reader.finish()
        open_utterance = bool(self._words) or self._last_end is not None
        self._last_end = None
        return [self._final(end_of_utterance=True)] if open_utterance else []

    def close(self) -> None:
        """See EngineStream."""

    def _end_utterance_before(self, time: float, heard: list[Heard]) -> None:
        if self._last_end is not None and time - self._last_end >= self._end_silence:
            heard.append(self._final(end_of_utterance=True))
            self._last_end = None

    def _final(self, *, end_of_utterance: bool) -> Heard:
        heard = Heard(self._text(), final=True, end_of_utterance=end_of_utterance, words=self._timed())
        self._words = []
        return heard

    def _text(self) -> str:
        return " ".join(word.text for word in self._words)

    def _timed(self) -> tuple[Word, ...]:
        return tuple(self._words) if self._times else ()


class _Loudness:
    """Takes for speech what is loud, with the methods of the voice-activity detector that knows voices only."""

    def process_chunk(self, chunk: bytes) -> float:
        samples = np.frombuffer(chunk, np.int16)
        assert len(samples) == FRAME
        return float((samples > LOUD).any())


class ToneDetector(SpeechDetector):
    """Finds words of this code where `SpeechDetector` finds speech: the rest of it is the same."""

    def __init__(self, time: float) -> None:
        super().__init__(time)
        self._detector = _Loudness()  # type: ignore[assignment]
